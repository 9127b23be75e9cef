/* Search in inverted lists, from a query to its best rows, in one call.
 *
 *   rank     the groups whose centroids promise most, and score their lists
 *   choose   the lists with the best scores, until the rows that they hold and those of them that
 *            are eligible have a geometric mean of `rows`: under a filter that takes most rows away
 *            a search has to look further, but not so far that as many are left as without it
 *   propose  the rows of these lists with the best sketches (sketch/scan_b1.h), or codes
 *   decide   the best of these by their codes (rerank/inner_i8.h), then the best of those by the
 *            vectors (rerank/rerank.h), equal scores by row; beside them as many of the rows that
 *            came later (later.h), which have no sketches
 *
 * Each step is one of the other parts of the core, by whichever ISA it has, and so this gives the
 * same bits for every ISA. No global state, reentrant; memory is the caller's.
 * Decision: docs/decisions/0010-lists.md
 */
#ifndef ER_LISTS_H
#define ER_LISTS_H

#include "../ranges.h"
#include "../scan/scan.h"
#include "../sketch/scan_b1.h"
#include "later.h"
#include "score_i4.h"
#include "segment.h"

#define ER_LISTS_PLANES 4 /* bits of a query's coordinate: more tell the rows no better apart */

/* The tables that are searched. Their `eligible` is not looked at, their first_row is 0. */
typedef struct er_lists {
    er_rows_i8 groups; /* centroids; offsets: what the spread around them adds to a score, for a
                        * query of length 1 unless the metric is l2 */
    er_rows_i4 lists;  /* the same of the lists */
    const er_range *members; /* groups.n: the lists of a group */
    const er_range *ranges;  /* lists.n: the rows of a list */
    const int32_t *sizes;    /* lists.n: how many these are, side by side for weigh_f32 */
    er_rows_b1 sketches;     /* of what each row differs from the centroid of its list */
    er_rows_i8 codes;        /* of the same rows */
    const int8_t *signs;     /* n_rounds * 64 * sketches.words: rotate/rotate.h */
    size_t n_rounds;
    const void *vectors; /* of the same rows: segment.h */
    bool half;
    er_metric metric; /* l2 gives squared distances, negated */
} er_lists;

/* Whether the tables belong together: every list in at most one group, every row in at most one
 * list, a sketch of 1 to ER_SKETCH_MAX_WORDS words for every row, one dim, and no more than
 * ER_TOPK_MAX groups. */
bool er_lists_fit(const er_lists *lists);

/* What the steps run on: kernels of quantize_f32, rotate_f32, scan_i8, score_i4, scan_b1, reach_f32,
 * inner_i8, weigh_f32, count_b1, and the family of the metric and of the vectors' dtype. */
typedef struct er_lists_kernels {
    const er_kernel *quantize, *rotate, *scan, *score, *sketches, *reach, *products, *weigh, *count,
        *measure;
} er_lists_kernels;

/* How far a search goes. */
typedef struct er_probing {
    size_t rows;      /* see above */
    size_t groups;    /* whose lists are scored at first; if these hold too few rows, all are */
    double further;   /* >= 1: what a filter multiplies both with at first, 1 / sqrt(its share) */
    size_t shortlist; /* rows proposed by sketches; 0: by codes */
    size_t wanted;    /* rows that the originals decide among, k at least */
    size_t k;         /* rows returned */
} er_probing;

/* Bytes of scratch, aligned as malloc does. */
size_t er_lists_workspace(const er_lists *lists, const er_probing *probing);

/* Search.
 *   lists         er_lists_fit()
 *   later         rows that come after those of the lists, er_later_fit() and of as many lists; or
 *                 NULL for none
 *   query         codes.dim float32
 *   eligible      bitmap over the rows, later ones too, or NULL for all
 *   rows, scores  k each; *found <= k are written, best first
 *   *proposed     rows that were decided among: fewer than `wanted` only if no more are eligible
 *                 in the lists looked into and among the rows that are in none
 *   *looked       how many lists these are; their numbers are written to numbers, which has room
 *                 for lists.n, or is NULL
 * ER_BAD_K for a shortlist, wanted or k outside [1, ER_TOPK_MAX] or k > wanted; ER_BAD_SCALE for
 * `further` below 1; ER_TOO_LONG for too many dimensions; ER_BAD_OFFSET of `later`; ER_NOT_FINITE
 * for a query that is not finite, or a score. */
er_status er_lists_search(const er_lists_kernels *kernels, const er_lists *lists,
                          const er_later *later, const er_probing *probing, const float *query,
                          const uint8_t *eligible, void *scratch, int32_t *rows, float *scores,
                          size_t *found, size_t *proposed, int32_t *numbers, size_t *looked);

#endif
