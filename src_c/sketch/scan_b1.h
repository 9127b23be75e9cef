/* Search over sketches (sketch.h), filter and top-k in the same pass: a whole table, or ranges.
 *
 *   u      = sum over planes j of 2^j * (+1 where the plane has a bit, -1 where not), odd integers
 *   dot    = sum of (+-1 of the row's bits) * u
 *          = (2^planes - 1) * bits - 2 * sum over j of 2^j * hamming(row, plane j), exact
 *   score  = (float)dot * row factor * step [+ row offset] [+ base]     each step rounded, in that
 *            order
 *   result = the k best eligible rows: score descending, equal scores by row ascending
 *
 * So a score estimates the inner product of the vectors behind query and row, plus what the caller
 * knows of it exactly: a range's base is the product with the centre that its rows are residuals
 * to, a row's offset belongs to the metric (-|x|^2 / 2 makes the nearest row the best).
 *
 * Every ISA gives the same bits. Rows that are not eligible cost no arithmetic, and whole runs of
 * them no memory traffic. Nothing is read past the table. No allocation, no global state, reentrant.
 */
#ifndef ER_SCAN_B1_H
#define ER_SCAN_B1_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../ranges.h"
#include "../status.h"
#include "../topk/best.h"
#include "sketch.h"

typedef struct er_query_b1 {
    const uint64_t *planes; /* n_planes * words of the table, least significant plane first */
    size_t n_planes;        /* 1 to ER_SKETCH_MAX_PLANES */
    float step;             /* finite, >= 0 */
} er_query_b1;

typedef struct er_rows_b1 {
    const uint64_t *bits;    /* n * words, row-major */
    const float *factors;    /* n */
    const float *offsets;    /* n, or NULL for none */
    const uint8_t *eligible; /* bitmap (topk/eligible.h), or NULL for every row */
    size_t n, words;         /* words: 1 to ER_SKETCH_MAX_WORDS */
    int32_t first_row;       /* number of the first row in the result; n + first_row <= INT32_MAX */
} er_rows_b1;

/* Kernel: offer the score of every eligible row of the ranges.
 *   bases  one a range, or NULL for none */
typedef void er_scan_b1_fn(const er_query_b1 *query, const er_rows_b1 *table,
                           const er_range *ranges, const float *bases, size_t n_ranges,
                           er_best *best);

/* What a search runs on: kernels of scan_b1 and reach_f32. */
typedef struct er_scan_b1_kernels {
    const er_kernel *scan, *reach;
} er_scan_b1_kernels;

/* Entry point.
 *   ranges        inside the table, in any order; a row that lies in two may come twice
 *   bases         one a range, or NULL for none
 *   scratch       er_best_workspace(min(k, n)) bytes, aligned as malloc does
 *   rows, scores  room for min(k, n); *found <= that are written, min(k, eligible rows) if the
 *                 ranges are disjoint
 * ER_BAD_K; ER_TOO_LONG for too many words or planes, or row numbers beyond int32; ER_BAD_RANGE;
 * ER_BAD_SCALE for the query's step; ER_NOT_FINITE if the score of an eligible row is NaN. */
er_status er_scan_b1(const er_scan_b1_kernels *kernels, const er_query_b1 *query,
                     const er_rows_b1 *table, const er_range *ranges, const float *bases,
                     size_t n_ranges, size_t k, void *scratch, int32_t *rows, float *scores,
                     size_t *found);

/* Many queries, each with planes and a step of its own. */
typedef struct er_queries_b1 {
    const uint64_t *planes; /* n * n_planes * words */
    const float *steps;     /* n */
    size_t n, n_planes;     /* n: at most INT32_MAX */
} er_queries_b1;

/* Bytes of scratch for er_scan_many_b1 over n rows; SIZE_MAX if there are too many. */
size_t er_scan_many_b1_workspace(size_t n_queries, size_t n, size_t k);

/* Entry point: the answers of er_scan_b1, without bases, for many queries. A block of rows is shown
 * to all of them while it is in the first cache.
 *   scratch       er_scan_many_b1_workspace() bytes, aligned as malloc does
 *   rows, scores  min(k, n) for each query: beyond the found[q] results of query q stand row -1 and
 *                 score -infinity
 * The errors of er_scan_b1. */
er_status er_scan_many_b1(const er_scan_b1_kernels *kernels, const er_queries_b1 *queries,
                          const er_rows_b1 *table, const er_range *ranges, size_t n_ranges,
                          size_t k, void *scratch, int32_t *rows, float *scores, int32_t *found);

#endif
