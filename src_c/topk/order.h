/* The order in which the vector implementations look at scores. An implementation defines INLINE (with
 * its target) and offer_rows(), and includes this file.
 *
 * Scores that ascend are the worst case of a running threshold: every one is better than all before
 * it. So of many scores one block in SAMPLE is looked at first, from all over, which leaves a
 * threshold that turns nearly all others away however they are ordered. Ties and results do not
 * depend on the order.
 */
#ifndef ER_TOPK_ORDER_H
#define ER_TOPK_ORDER_H

#include "eligible.h"
#include "topk.h"

enum {
    SAMPLE = 64,              /* blocks of which one is looked at first */
    SPAN = SAMPLE * ER_BLOCK, /* scores that they have together */
    ENOUGH = 4,               /* times k that the sample must hold to be worth a look */
};

/* Offer the eligible scores from start to stop; start is a multiple of ER_BLOCK. */
INLINE void offer_rows(const float *scores, size_t start, size_t stop, const uint8_t *eligible,
                       er_topk *top);

INLINE void offer_all(const float *scores, size_t n, const uint8_t *eligible, er_topk *top) {
    size_t sampled = n / SPAN >= ENOUGH && n / SAMPLE / ENOUGH >= top->k ? n / SPAN * SPAN : 0;
    for (size_t start = 0; start < sampled; start += SPAN)
        offer_rows(scores, start, start + ER_BLOCK, eligible, top);
    for (size_t start = 0; start < sampled; start += SPAN)
        offer_rows(scores, start + ER_BLOCK, start + SPAN, eligible, top);
    offer_rows(scores, sampled, n, eligible, top);
}

#endif
