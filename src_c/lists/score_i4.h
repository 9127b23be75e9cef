/* Scores of rows of four-bit codes: a table of centroids, small enough to look at every score.
 *
 *   row    (dim + 1) / 2 bytes: byte j holds column j in its low nibble and column
 *          j + (dim + 1) / 2, if there is one, in its high nibble; each nibble is the code + 8
 *   dot    = sum of query[i] * code[i], exact in int32
 *   score  = (float)dot * row scale * query scale [+ row offset]     each step rounded, in that order
 *
 * What bounds this is how fast the table comes from memory: eight bits a code say which centroids
 * are near no better (docs/decisions/0010-lists.md). Every ISA gives the same bits. Nothing is read
 * past the last row or the query.
 */
#ifndef ER_SCORE_I4_H
#define ER_SCORE_I4_H

#include <stddef.h>
#include <stdint.h>

#include "../scan/scan.h"

typedef struct er_rows_i4 {
    const uint8_t *codes; /* n rows, any alignment */
    const float *scales;  /* n, > 0 */
    const float *offsets; /* n, or NULL for none */
    size_t n, dim;        /* dim: at most ER_SCAN_MAX_DIM */
} er_rows_i4;

enum { ER_I4_ZERO = 8 }; /* the nibble of code 0 */

static inline size_t er_row_bytes_i4(size_t dim) { return dim / 2 + dim % 2; }

/* Kernel: write the scores of n successive rows from `start` on, all of which exist.
 *   query  dim codes, as for scan_i8 */
typedef void er_score_i4_fn(const er_query_i8 *query, const er_rows_i4 *table, size_t start,
                            size_t n, float *scores);

#endif
