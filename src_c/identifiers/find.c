#include "find.h"

#include <stdbool.h>
#include <string.h>

#include "../topk/eligible.h"

enum { TOGETHER = 64, NIBBLES = 16 };
static const uint32_t POLYNOMIAL = UINT32_C(0xedb88320);

/* What four bits add to a checksum. */
static void make_table(uint32_t table[NIBBLES]) {
    for (uint32_t i = 0; i < NIBBLES; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ POLYNOMIAL : table[i] >> 1;
    }
}

static uint32_t crc32_of(er_bytes bytes, const uint32_t table[NIBBLES]) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.n; i++) {
        crc ^= bytes.at[i];
        crc = crc >> 4 ^ table[crc % NIBBLES];
        crc = crc >> 4 ^ table[crc % NIBBLES];
    }
    return ~crc;
}

static inline size_t guess(uint32_t hash, size_t n) { return (size_t)((uint64_t)hash * n >> 32); }

/* The first place whose hash is not smaller, searched from where it should be. */
static size_t place_of(const er_identifiers *all, uint32_t hash) {
    size_t low = guess(hash, all->n), high = low, step = 128;
    if (all->hashes[low] < hash) {
        while (high < all->n && all->hashes[high] < hash) {
            low = high + 1;
            high += step < all->n - high ? step : all->n - high;
            step *= 2;
        }
    } else {
        while (low > 0 && all->hashes[low] >= hash) {
            high = low;
            low -= step < low ? step : low;
            step *= 2;
        }
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (all->hashes[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_id(const er_identifiers *all, int32_t row, er_bytes wanted) {
    const int64_t start = all->offsets[row], stop = all->offsets[row + 1];
    if (start < 0 || stop < start || (uint64_t)stop > all->n_bytes) return false;
    return (size_t)(stop - start) == wanted.n &&
           memcmp(all->data + start, wanted.at, wanted.n) == 0;
}

static bool is_row(const er_identifiers *all, int32_t row) {
    return row >= 0 && (size_t)row < all->n;
}

static int32_t row_at(const er_identifiers *all, size_t place, uint32_t hash, er_bytes wanted,
                      const uint8_t *visible) {
    for (; place < all->n && all->hashes[place] == hash; place++) {
        const int32_t row = all->order[place];
        if (is_row(all, row) && er_is_eligible(visible, (size_t)row) && is_id(all, row, wanted))
            return row;
    }
    return -1;
}

static void find_some(const er_identifiers *all, const er_bytes *wanted, size_t m,
                      const uint8_t *visible, const uint32_t table[NIBBLES], int32_t *rows) {
    uint32_t hashes[TOGETHER];
    size_t places[TOGETHER];
    for (size_t i = 0; i < m; i++) {
        hashes[i] = wanted[i].at ? crc32_of(wanted[i], table) : 0;
        __builtin_prefetch(all->hashes + guess(hashes[i], all->n));
    }
    for (size_t i = 0; i < m; i++) {
        places[i] = place_of(all, hashes[i]);
        if (places[i] < all->n) __builtin_prefetch(all->order + places[i]);
    }
    for (size_t i = 0; i < m; i++) {
        const int32_t row = places[i] < all->n ? all->order[places[i]] : -1;
        if (!is_row(all, row)) continue;
        __builtin_prefetch(all->offsets + row);
        if (visible) __builtin_prefetch(visible + row / 8);
    }
    for (size_t i = 0; i < m; i++)
        rows[i] = wanted[i].at ? row_at(all, places[i], hashes[i], wanted[i], visible) : -1;
}

void er_identifiers_find(const er_identifiers *identifiers, const er_bytes *wanted, size_t m,
                         const uint8_t *visible, int32_t *rows) {
    uint32_t table[NIBBLES];
    make_table(table);
    if (identifiers->n == 0) {
        for (size_t i = 0; i < m; i++) rows[i] = -1;
        return;
    }
    for (size_t i = 0; i < m; i += TOGETHER) {
        const size_t some = m - i < TOGETHER ? m - i : TOGETHER;
        find_some(identifiers, wanted + i, some, visible, table, rows + i);
    }
}
