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

/* Bit r stands for row start + r < n; start is a multiple of 8. */
static inline uint64_t er_eligible_block(const uint8_t *eligible, size_t start, size_t n) {
    uint64_t bits = 0;
    if (n - start >= ER_BLOCK) {
        if (!eligible) return UINT64_MAX;
        for (size_t b = 0; b < ER_BLOCK / 8; b++) /* compiled to one load */
            bits |= (uint64_t)eligible[start / 8 + b] << 8 * b;
        return bits;
    }
    for (size_t row = start; row < n; row++)
        bits |= (uint64_t)er_is_eligible(eligible, row) << (row - start);
    return bits;
}

#endif
