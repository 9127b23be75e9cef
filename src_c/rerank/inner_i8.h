/* Scores of chosen rows of an int8 table: those of scan_i8, bit for bit, for rows in any order.
 *
 *   dot    = sum of query[i] * row[i], exact in int32
 *   score  = (float)dot * row scale * query scale [+ row offset]       each step rounded, in that order
 *
 * Rows lie anywhere, so each is asked of memory long before it is needed. Every ISA gives the same
 * bits. Nothing is read past a row. No allocation, no global state, reentrant.
 */
#ifndef ER_INNER_I8_H
#define ER_INNER_I8_H

#include "../scan/scan.h"

/* Kernel.
 *   table  codes, scales, offsets (or NULL), dim; the other fields are not looked at
 *   rows   m row numbers of the table, any order, repeats allowed
 *   out    m float32, written once, no overlap */
typedef void er_inner_i8_fn(const er_query_i8 *query, const er_rows_i8 *table, const int32_t *rows,
                            size_t m, float *out);

/* Entry point. ER_TOO_LONG for dim > ER_SCAN_MAX_DIM, ER_BAD_SCALE and ER_BAD_CODE for the query,
 * ER_BAD_ROW if a row number lies outside [0, n): nothing is written, *at is its position in rows.
 * ER_NOT_FINITE if a score is NaN: all of out is written, *at is the position of the first. */
er_status er_inner_i8(const er_kernel *kernel, const er_query_i8 *query, const er_rows_i8 *table,
                      const int32_t *rows, size_t m, float *out, size_t *at);

#endif
