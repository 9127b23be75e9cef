/* A candidate as one integer, so that the rule for ties is an ordinary comparison.
 *
 * The high half is the score mapped to an unsigned integer of the same order, the low half the
 * complement of the row: a larger key is a higher score, or an equal score in an earlier row. Keys
 * of different rows differ, so the order is total and every selection has one answer; a row that is
 * offered twice may come twice. -0.0 counts, and comes back, as 0.0. NaN has no key.
 */
#ifndef ER_KEYS_H
#define ER_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t er_key;

static inline er_key er_key_of(float score, int32_t row) {
    const uint32_t sign = UINT32_C(1) << 31;
    uint32_t bits;
    score += 0.0f; /* -0.0 becomes 0.0 */
    memcpy(&bits, &score, sizeof bits);
    bits = bits & sign ? ~bits : bits | sign;
    return (er_key)bits << 32 | ~(uint32_t)row;
}

static inline int32_t er_key_row(er_key key) { return (int32_t)~(uint32_t)key; }

static inline float er_key_score(er_key key) {
    const uint32_t sign = UINT32_C(1) << 31;
    uint32_t bits = (uint32_t)(key >> 32);
    bits = bits & sign ? bits & ~sign : ~bits;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* Move the k largest of n keys to the front, in any order. O(n) on the average, 64 passes by bits
 * and as many by pivots at worst; k <= n. In place, no allocation. */
void er_keys_select(er_key *keys, size_t n, size_t k);

/* Sort n keys, largest first. In place, recursion at most 64 deep. */
void er_keys_sort(er_key *keys, size_t n);

#endif
