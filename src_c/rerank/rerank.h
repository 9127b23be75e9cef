/* One float32 query against chosen rows of a float32 or float16 table: the exact scores of candidates
 * that a coarser search found.
 *
 *   inner   sum of query[i] * row[i]
 *   cosine  inner / (sqrt(sum of query[i]^2) * sqrt(sum of row[i]^2)); 0 where that divisor is 0: for
 *           a vector of zeros, or one whose squares vanish in float32. In [-1, 1] up to rounding
 *   l2      sum of (query[i] - row[i])^2
 *
 * The order of a sum is fixed, so that every ISA gives the same bits: lane l of 16 adds the terms of
 * i = l, l + 16, l + 32, ... in that order, each step rounded (no fused multiply-add); then lanes l
 * and l + 8 are added, then l and l + 4, l and l + 2, l and l + 1. float16 values are widened exactly
 * first.
 *
 * Nothing is read past a row. No allocation, no global state, reentrant.
 */
#ifndef ER_RERANK_H
#define ER_RERANK_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../status.h"

/* Kernels. query: dim float32; vectors: row-major rows of dim, aligned to their element;
 * rows: m row numbers, any order, repeats allowed; out: m float32, written once, no overlap. */
typedef void er_inner_f32_fn(const float *query, const float *vectors, size_t dim,
                             const int32_t *rows, size_t m, float *out);
typedef void er_inner_f16_fn(const float *query, const uint16_t *vectors, size_t dim,
                             const int32_t *rows, size_t m, float *out);
typedef er_inner_f32_fn er_cosine_f32_fn, er_l2_f32_fn;
typedef er_inner_f16_fn er_cosine_f16_fn, er_l2_f16_fn;

/* Entry points of the three measures; the table has n rows. ER_BAD_ROW if a row number lies outside
 * [0, n): nothing is written, *at is its position in rows. ER_NOT_FINITE if a score is NaN or
 * infinite: all of out is written, *at is the position of the first such. */
er_status er_rerank_f32(const er_kernel *kernel, const float *query, const float *vectors, size_t n,
                        size_t dim, const int32_t *rows, size_t m, float *out, size_t *at);
er_status er_rerank_f16(const er_kernel *kernel, const float *query, const uint16_t *vectors,
                        size_t n, size_t dim, const int32_t *rows, size_t m, float *out,
                        size_t *at);

#endif
