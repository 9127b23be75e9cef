/* Sketches: one bit a dimension of a rotated vector, and one factor a row.
 *
 *   bit i     of word i / 64 at i % 64: whether r[i] >= 0 (of NaN: no)
 *   factor    sum(r^2) / sum(|r|), 0 for a row of zeros
 *
 * With b the bits as +1 and -1, factor * <b, q> estimates <r, q>: without bias over the random
 * rotations, exactly for q = r, and with an error of O(|r| |q| / sqrt(bits)).
 * Both sums run over 16 lanes in float32, element i in lane i % 16, then over halves of the lanes;
 * so every ISA gives the same bits.
 * Source: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
 * for Approximate Nearest Neighbor Search" (2024).
 */
#ifndef ER_SKETCH_H
#define ER_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../status.h"

#define ER_SKETCH_MAX_WORDS 64 /* 4096 bits: with 8 planes sums stay below 2^24, exact in float32 */
#define ER_SKETCH_MAX_PLANES 8

/* Kernel: sketch n rows of words * 64 float32.
 *   rotated        row-major, any alignment
 *   bits, factors  n * words and n, written once; a factor is NaN or infinite where the row is, or
 *                  where its sums overflow */
typedef void er_sketch_f32_fn(const float *rotated, size_t n, size_t words, uint64_t *bits,
                              float *factors);

/* Entry point: ER_NOT_FINITE if a factor is NaN or infinite; *at is then the first such row. No
 * allocation, no global state, reentrant. */
er_status er_sketch_f32(const er_kernel *kernel, const float *rotated, size_t n, size_t words,
                        uint64_t *bits, float *factors, size_t *at);

/* A query for sketches: rotated[i] ~ step * u[i], with odd integers u[i] of at most 2^n_planes - 1.
 *   rotated  words * 64 float32
 *   planes   n_planes * words, written once: u = sum over j of 2^j * (+1 where plane j has the bit,
 *            -1 where not)
 *   step     sum(rotated^2) / sum(rotated * u), so that the product with itself is exact; 0 for
 *            zeros
 * The grid of the u is the one with the least squared error for normally distributed values, which
 * rotated ones nearly are, and no wider than the values. One implementation for every ISA.
 * ER_TOO_LONG for n_planes outside [1, ER_SKETCH_MAX_PLANES] or words outside
 * [1, ER_SKETCH_MAX_WORDS]; ER_NOT_FINITE for NaN or infinity. */
er_status er_sketch_query(const float *rotated, size_t words, size_t n_planes, uint64_t *planes,
                          float *step);

#endif
