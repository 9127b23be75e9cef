/* The k best of scores that come by the block: score descending, equal scores by row ascending.
 *
 * Scores are written down as they come, without a branch, and blocks of them meet the bar that the
 * k best so far have raised, which keeps what reaches it (reach.h). When too many are kept the bar
 * is raised: a few times the scores that reach a middle between two bars are counted. For k in the
 * hundreds that costs a fraction of offering each score alone (topk.h), which a branch that cannot
 * be predicted does. NaN is noted. Rows may come in any order.
 * Decision: docs/decisions/0010-lists.md
 */
#ifndef ER_BEST_H
#define ER_BEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "keys.h"
#include "reach.h"
#include "topk.h"

/* A selection under way. The caller owns the memory. */
typedef struct er_best {
    er_reach_f32_fn *reach;
    float *scores; /* of the n rows kept so far */
    int32_t *rows;
    er_key *keys; /* scratch */
    size_t n, capacity, k;
    float bar; /* lower scores are not among the k best; never falls */
    bool nan;  /* a NaN came */
} er_best;

/* Bytes for a selection of the k best, a multiple of 8; 1 <= k <= ER_TOPK_MAX. */
size_t er_best_workspace(size_t k);

/* Begin, in memory that is aligned for er_key.
 *   reach  a kernel of reach_f32 */
void er_best_start(er_best *best, const er_kernel *reach, void *memory, size_t k);

/* Offer n rows with their scores. */
void er_best_offer(er_best *best, const float *scores, const int32_t *rows, size_t n);

/* Keep no more than the k best, in any order, in best->rows and best->scores; how many these are. */
size_t er_best_finish(er_best *best);

/* The same, best first, in rows and scores, which have room for min(k, rows offered). */
size_t er_best_finish_sorted(er_best *best, int32_t *rows, float *scores);

/* Scores that are not offered yet, for those who score rows. */
enum { ER_BEST_BLOCK = 1024 };
typedef struct er_scored {
    float scores[ER_BEST_BLOCK];
    int32_t rows[ER_BEST_BLOCK];
    size_t n;
} er_scored;

static inline void er_scored_offer(er_scored *scored, er_best *best) {
    er_best_offer(best, scored->scores, scored->rows, scored->n);
    scored->n = 0;
}

#endif
