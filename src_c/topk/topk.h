/* The k best of many scores: score descending, equal scores by row ascending.
 *
 * Candidates collect in a buffer of about 2k. Once k came, a score below the k-th best of them (the
 * running threshold) cannot enter, and nearly all are turned away by one vector comparison. A full
 * buffer is cut back to k, which raises the threshold. Rows may come in any order.
 * Decision: docs/decisions/0001-kernel-layout.md
 */
#ifndef ER_TOPK_H
#define ER_TOPK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../status.h"
#include "keys.h"

#define ER_TOPK_MAX 30000 /* largest k: three candidates for each of the 10,000 of a search */

/* A selection under way. The caller owns the buffer. */
typedef struct er_topk {
    er_key *keys;
    size_t size, capacity, k;
    er_key floor;    /* only a larger key may enter */
    float threshold; /* its score: -infinity until k candidates came, never falls */
    bool nan;        /* a NaN was offered */
} er_topk;

/* Number of keys of the buffer; 1 <= k <= ER_TOPK_MAX. */
size_t er_topk_workspace(size_t k);

void er_topk_start(er_topk *top, er_key *keys, size_t k);

/* Cut a buffer that is full back to the k best, and raise the threshold. */
void er_topk_shrink(er_topk *top);

/* Write the result, best first, and return its length m <= k. rows and scores have room for
 * min(k, rows offered). The selection is over. */
size_t er_topk_finish(er_topk *top, int32_t *rows, float *scores);

/* Offer one score. Kernels call it only if !(score < top->threshold), which lets NaN through to be
 * noted here. */
static inline void er_topk_offer(er_topk *top, float score, int32_t row) {
    if (isnan(score)) {
        top->nan = true;
        return;
    }
    er_key key = er_key_of(score, row);
    if (key <= top->floor) return;
    top->keys[top->size++] = key;
    if (top->size == top->capacity) er_topk_shrink(top);
}

/* Offer score[r] as row first + r for every bit r. */
void er_topk_offer_group(er_topk *top, const float *score, unsigned bits, int32_t first);

/* Kernel: offer every eligible score.
 *   scores    n float32; infinities are ordinary values
 *   eligible  bitmap (eligible.h) or NULL; other rows' scores do not count, NaN or not */
typedef void er_topk_f32_fn(const float *scores, size_t n, const uint8_t *eligible, er_topk *top);

/* Entry point.
 *   keys          er_topk_workspace(k) keys of scratch
 *   rows, scores  room for min(k, n); *found = min(k, eligible rows) are written
 * ER_BAD_K, ER_TOO_LONG for n > INT32_MAX, ER_NOT_FINITE for NaN in an eligible row. Every ISA
 * gives the same bits. No allocation, no global state, reentrant. */
er_status er_topk_f32(const er_kernel *kernel, const float *values, size_t n,
                      const uint8_t *eligible, size_t k, er_key *keys, int32_t *rows, float *scores,
                      size_t *found);

#endif
