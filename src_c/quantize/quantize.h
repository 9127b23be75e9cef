/* Symmetric int8 quantisation, of rows or of columns.
 *
 *   x       n rows of dim float32, row-major, any alignment to 4 bytes
 *   codes   n rows of dim int8 in [-127, 127], written once; must not overlap x
 *   scales  n float32 > 0 (dim, of columns), written once; must not overlap x or codes
 *
 *   scale = max(max|x| / 127, FLT_MIN) and 1 for a row of zeros; code = x / scale, rounded half to
 *   even. |code * scale - x| <= scale / 2 up to one ulp. The floor keeps that bound for rows of
 *   subnormal numbers, whose quotient would vanish.
 *
 * dim == 0 gives scale 1. Every ISA returns the same bits (one IEEE division, one rounding, in the
 * default floating-point environment). No allocation, no global state, reentrant.
 */
#ifndef ER_QUANTIZE_H
#define ER_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../status.h"

/* Returns through `done` the number of rows written: n, or the index of the first row that holds
 * NaN or infinity. */
typedef void er_quantize_f32_fn(const float *x, size_t n, size_t dim, int8_t *codes, float *scales,
                                size_t *done);

/* Entry point. ER_NOT_FINITE with *done = the first offending row (rows before it are written, the
 * rest is left as it was), else ER_OK. */
er_status er_quantize_f32(const er_kernel *kernel, const float *x, size_t n, size_t dim,
                          int8_t *codes, float *scales, size_t *done);

/* The same with one scale a column: scales has dim elements, over all n rows. Kernel: `done` is n, or
 * the index of the first row that holds NaN or infinity; then nothing is written. */
typedef void er_quantize_columns_f32_fn(const float *x, size_t n, size_t dim, int8_t *codes,
                                        float *scales, size_t *done);

/* Entry point. ER_NOT_FINITE with *done = the first offending row, else ER_OK. n == 0 gives scales
 * of 1. */
er_status er_quantize_columns_f32(const er_kernel *kernel, const float *x, size_t n, size_t dim,
                                  int8_t *codes, float *scales, size_t *done);

#endif
