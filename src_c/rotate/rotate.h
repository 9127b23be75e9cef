/* A random rotation of vectors, for sketches: rounds of signs and Walsh-Hadamard transforms.
 *
 * A row of dim values is followed by zeros up to `bits`. Round 0, 2, 4 ... multiplies by its signs,
 * then transforms the first P values, P being the largest power of two that is at most `bits`;
 * round 1, 3, 5 ... transforms the last P. A transform runs its butterflies (a, b) -> (a + b, a - b)
 * over distances 1, 2, 4, ... P / 2, and multiplies by the float32 nearest to 1 / sqrt(P) at the
 * end; every step is rounded. So every ISA gives the same bits.
 *
 * The map is orthogonal: it keeps norms and inner products, up to rounding, and with random signs
 * it spreads every vector evenly over its `bits` values.
 * Source: Ailon and Chazelle, "The Fast Johnson-Lindenstrauss Transform" (2009).
 */
#ifndef ER_ROTATE_H
#define ER_ROTATE_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../status.h"

#define ER_ROTATE_MAX_BITS 4096 /* the longest sketch */

/* Kernel: rotate n rows of dim float32 into n rows of bits float32.
 *   dim, bits  dim <= bits, bits a multiple of 64 and at least 64
 *   signs      n_rounds * bits of +1 and -1
 *   x, out     row-major, any alignment; they must not overlap. NaN and infinity spread over the
 *              row's result. */
typedef void er_rotate_f32_fn(const float *x, size_t n, size_t dim, size_t bits,
                              const int8_t *signs, size_t n_rounds, float *out);

/* Entry point: ER_TOO_LONG if dim and bits are not as above or bits > ER_ROTATE_MAX_BITS, ER_BAD_CODE
 * for a sign that is neither +1 nor -1. No allocation, no global state, reentrant. */
er_status er_rotate_f32(const er_kernel *kernel, const float *x, size_t n, size_t dim, size_t bits,
                        const int8_t *signs, size_t n_rounds, float *out);

#endif
