#include "bitmap.h"

#include <string.h>

#include "../topk/eligible.h"

/* Sets on the stack are worked on in blocks of this size: a few of them fit into the L1 cache, and
 * calling a kernel for each costs nothing beside its work. */
enum { BLOCK_BYTES = 4096 };

size_t er_bitmap_workspace(void) { return (size_t)ER_BITMAP_DEPTH * BLOCK_BYTES; }

static bool runs_through(const er_bitmap_step *steps, size_t n_steps, size_t n_inputs) {
    size_t depth = 0;
    for (size_t i = 0; i < n_steps; i++) {
        if ((unsigned)steps[i].join >= ER_JOINS) return false;
        bool pushes = steps[i].join <= ER_JOIN_COPY_NOT, popped = steps[i].input == ER_POPPED;
        if (!popped && (steps[i].input < 0 || (size_t)steps[i].input >= n_inputs)) return false;
        if (depth < (size_t)popped + !pushes) return false;
        depth = depth - popped + pushes;
        if (depth > ER_BITMAP_DEPTH) return false;
    }
    return depth == 1;
}

/* One block of every input through all steps; the result is the first set of the stack. */
static void run_block(er_join_b1_fn *join, const uint8_t *const *inputs, size_t at, size_t bytes,
                      const er_bitmap_step *steps, size_t n_steps, uint8_t *stack) {
    size_t depth = 0;
    for (size_t i = 0; i < n_steps; i++) {
        bool popped = steps[i].input == ER_POPPED;
        if (popped) depth--;
        const uint8_t *other = popped ? stack + depth * BLOCK_BYTES : inputs[steps[i].input] + at;
        if (steps[i].join <= ER_JOIN_COPY_NOT) depth++;
        join(stack + (depth - 1) * BLOCK_BYTES, other, bytes, steps[i].join);
    }
}

er_status er_bitmap_combine(const er_kernel *join, const er_kernel *count,
                            const uint8_t *const *inputs, size_t n_inputs,
                            const er_bitmap_step *steps, size_t n_steps, size_t n, uint8_t *out,
                            uint8_t *scratch, size_t *found) {
    if (!runs_through(steps, n_steps, n_inputs)) return ER_BAD_STEP;
    size_t size = (n + 7) / 8;
    *found = 0;
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        size_t bytes = size - at < BLOCK_BYTES ? size - at : BLOCK_BYTES, rows;
        run_block((er_join_b1_fn *)join->fn, inputs, at, bytes, steps, n_steps, scratch);
        if (at + bytes == size && n % 8) scratch[bytes - 1] &= (uint8_t)((1u << n % 8) - 1);
        ((er_count_b1_fn *)count->fn)(scratch, bytes, &rows);
        memcpy(out + at, scratch, bytes);
        *found += rows;
    }
    return ER_OK;
}

size_t er_bitmap_count(const er_kernel *count, const uint8_t *set, size_t start, size_t stop) {
    if (start >= stop) return 0;
    size_t first = start / 8, last = (stop - 1) / 8; /* bytes that are touched */
    unsigned head = 0xFFu << start % 8 & 0xFFu, tail = 0xFFu >> (7 - (stop - 1) % 8);
    if (first == last) return (size_t)__builtin_popcount(set[first] & head & tail);
    size_t between;
    ((er_count_b1_fn *)count->fn)(set + first + 1, last - first - 1, &between);
    return between + (size_t)__builtin_popcount(set[first] & head) +
           (size_t)__builtin_popcount(set[last] & tail);
}

er_status er_bitmap_count_ranges(const er_kernel *count, const uint8_t *set, size_t n,
                                 const er_range *ranges, size_t n_ranges, int64_t *counts) {
    if (!er_ranges_fit(ranges, n_ranges, n)) return ER_BAD_ROW;
    for (size_t i = 0; i < n_ranges; i++)
        counts[i] =
            (int64_t)er_bitmap_count(count, set, (size_t)ranges[i].start, (size_t)ranges[i].stop);
    return ER_OK;
}

void er_bitmap_rows(const uint8_t *set, size_t n, int32_t *rows) {
    for (size_t start = 0; start < n; start += ER_BLOCK)
        for (uint64_t bits = er_eligible_block(set, start, n); bits; bits &= bits - 1)
            *rows++ = (int32_t)start + __builtin_ctzll(bits);
}

er_status er_bitmap_put(uint8_t *set, size_t n, const int32_t *rows, const uint8_t *bits,
                        size_t m) {
    for (size_t i = 0; i < m; i++)
        if (rows[i] < 0 || (size_t)rows[i] >= n) return ER_BAD_ROW;
    for (size_t i = 0; i < m; i++) {
        unsigned bit = 1u << rows[i] % 8, byte = set[rows[i] / 8];
        set[rows[i] / 8] = (uint8_t)(!bits || bits[i] ? byte | bit : byte & ~bit);
    }
    return ER_OK;
}
