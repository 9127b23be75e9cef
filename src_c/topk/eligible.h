/* Bitmaps of eligible rows: row i is bit i % 8 of byte i / 8 (little bit order), (n + 7) / 8 bytes.
 * NULL stands for every row. Bits beyond n are ignored.
 */
#ifndef ER_ELIGIBLE_H
#define ER_ELIGIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ER_BLOCK = 64 }; /* rows whose bits are looked at together */

static inline bool er_is_eligible(const uint8_t *eligible, size_t i) {
    return !eligible || (eligible[i / 8] >> i % 8 & 1);
}

/* Bit r stands for row start + r; 1 <= n <= ER_BLOCK rows, from any start. Only the bytes that hold
 * their bits are read. */
static inline uint64_t er_eligible_bits(const uint8_t *eligible, size_t start, size_t n) {
    uint64_t wanted = UINT64_MAX >> (ER_BLOCK - n);
    if (!eligible) return wanted;
    const uint8_t *bytes = eligible + start / 8;
    size_t shift = start % 8, n_bytes = (shift + n + 7) / 8;
    uint64_t bits = 0;
    if (n_bytes >= 8) {
        for (size_t b = 0; b < 8; b++) /* compiled to one load */
            bits |= (uint64_t)bytes[b] << 8 * b;
        bits >>= shift;
        if (n_bytes > 8) bits |= (uint64_t)bytes[8] << (64 - shift); /* then shift > 0 */
    } else {
        for (size_t b = 0; b < n_bytes; b++) bits |= (uint64_t)bytes[b] << 8 * b;
        bits >>= shift;
    }
    return bits & wanted;
}

/* The bits of up to ER_BLOCK rows from start < n on, of n rows. */
static inline uint64_t er_eligible_block(const uint8_t *eligible, size_t start, size_t n) {
    return er_eligible_bits(eligible, start, n - start < ER_BLOCK ? n - start : ER_BLOCK);
}

#endif
