/* Rows that came after the lists were made: most of them placed into lists since, the newest not.
 *
 * A search looks at those that were placed into its lists and at all that were not, one by one. One
 * that was placed may be newer than the segments, which are those of an older version of the
 * catalogue: it is passed over.
 *
 * No global state, reentrant; memory is the caller's. Decision: docs/decisions/0010-lists.md
 */
#ifndef ER_LATER_H
#define ER_LATER_H

#include "segment.h"

enum { ER_LATER_SEGMENTS = 2 };

typedef struct er_later {
    er_segment segments[ER_LATER_SEGMENTS]; /* each goes on where the one before it ends */
    size_t n_segments;
    const int32_t *order;   /* rows that were placed, list by list, each once */
    const int64_t *offsets; /* n_lists + 1: list i has order[offsets[i]] to order[offsets[i + 1]] */
    size_t n_order, n_lists;
    size_t placed; /* rows from this one on were not placed */
} er_later;

/* Whether the segments follow the first `first` rows and on each other, all of one dim, with or
 * without vectors of one dtype, and their numbers stay below 2^31. */
bool er_later_fit(const er_later *later, size_t first, size_t dim, bool vectors, bool half);

/* The number of the row after the last. */
size_t er_later_stop(const er_later *later);

/* Offer the score of every eligible row that was placed into some lists, or not at all.
 *   products  a kernel of inner_i8
 *   eligible  bitmap over all rows, those before the segments too; or NULL
 *   numbers   of the lists, all different
 *   *seen     how many rows were offered
 * ER_BAD_OFFSET where the offsets of one of these lists are none; what er_inner_i8 returns. */
er_status er_later_propose(const er_later *later, const er_kernel *products,
                           const er_query_i8 *query, const uint8_t *eligible,
                           const int32_t *numbers, size_t n_numbers, er_topk *top, size_t *seen);

/* Score m keys by their rows' vectors, as er_segment_measure does; in an order of its own.
 *   rows, scores  m each */
er_status er_later_measure(const er_later *later, const er_kernel *kernel, er_metric metric,
                           const float *query, const er_key *keys, size_t m, float *decoded,
                           int32_t *rows, float *scores);

#endif
