/* Search over int8 rows, filter and top-k in the same pass: a whole table, or ranges of it.
 *
 *   dot    = sum of query[i] * row[i], exact in int32
 *   score  = (float)dot * row scale * query scale [+ row offset]     each step rounded, in that order
 *   result = the k best eligible rows: score descending, equal scores by row ascending
 *
 * Offsets turn the inner product into a distance: with -|x|^2 / 2 the best rows are the nearest.
 *
 * Every ISA gives the same bits. Rows that are not eligible cost no arithmetic, and whole runs of
 * them no memory traffic. Nothing is read past the last row, whatever dim is. No allocation, no
 * global state, reentrant. Decision: docs/decisions/0001-kernel-layout.md
 */
#ifndef ER_SCAN_H
#define ER_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../ranges.h"
#include "../status.h"
#include "../topk/topk.h"

#define ER_SCAN_MAX_DIM 131071 /* 131071 * 127 * 127 < 2^31 */

typedef struct er_query_i8 {
    const int8_t *codes; /* dim codes in [-127, 127], any alignment */
    float scale;         /* finite, > 0 */
} er_query_i8;

typedef struct er_rows_i8 {
    const int8_t *codes;     /* n * dim, row-major, in [-127, 127], any alignment */
    const float *scales;     /* n, > 0 */
    const float *offsets;    /* n, or NULL for none */
    const uint8_t *eligible; /* bitmap (topk/eligible.h), or NULL for every row */
    size_t n, dim;
    int32_t first_row; /* number of the first row in the result; n + first_row <= INT32_MAX */
} er_rows_i8;

/* Kernel: offer the score of every eligible row of the ranges. */
typedef void er_scan_i8_fn(const er_query_i8 *query, const er_rows_i8 *table,
                           const er_range *ranges, size_t n_ranges, er_topk *top);

/* Entry point.
 *   ranges        inside the table, in any order; a row that lies in two may come twice
 *   keys          er_topk_workspace(k) keys of scratch
 *   rows, scores  room for min(k, n); *found <= that are written, min(k, eligible rows) if the
 *                 ranges are disjoint
 * ER_BAD_K; ER_TOO_LONG for dim > ER_SCAN_MAX_DIM or row numbers beyond int32; ER_BAD_RANGE;
 * ER_BAD_CODE for -128 in the query (rows are checked where they are written); ER_BAD_SCALE for the
 * query's scale; ER_NOT_FINITE if the score of an eligible row is NaN. */
er_status er_scan_i8(const er_kernel *kernel, const er_query_i8 *query, const er_rows_i8 *table,
                     const er_range *ranges, size_t n_ranges, size_t k, er_key *keys, int32_t *rows,
                     float *scores, size_t *found);

#endif
