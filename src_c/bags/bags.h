/* Embedding bags: sums of chosen rows of a quantised table.
 *
 * A row holds its own scale, so that one visit to memory brings all of it:
 *   bag_i8   float32 scale, then dim int8 codes in [-127, 127]:          4 + dim bytes
 *   bag_i4   float32 scale, then two codes in [-7, 7] a byte, the low nibble first, two's complement,
 *            a last odd nibble 0:                                        4 + ceil(dim / 2) bytes
 * in the machine's byte order. Rows follow each other every `stride` bytes, at any alignment.
 *
 *   factor  = weight * scale, or scale where there are no weights
 *   out     = sum of factor * code over the ids of a bag, from the first to the last, starting at 0;
 *             with `mean`, divided by their number
 * Product, sum and quotient are each rounded to float32 (no fused multiply-add), so every ISA gives
 * the same bits. A bag without ids gives zeros.
 *
 * What bounds this is the wait for memory: rows are fetched a long way ahead, over the ends of bags.
 * Nothing is read past a row's codes. No allocation, no global state, reentrant.
 */
#ifndef ER_BAGS_H
#define ER_BAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../status.h"

typedef struct er_bag_table {
    const uint8_t *rows;
    size_t n, stride, dim;
} er_bag_table;

typedef struct er_bags {
    const int64_t *offsets; /* n + 1; bag i has the ids from offsets[i] to offsets[i + 1] */
    size_t n;
    const int32_t *ids32; /* row numbers; NULL where ids64 has them */
    const int64_t *ids64;
    const float *weights; /* one an id, or NULL */
    bool mean;
} er_bags;

/* Kernels. Offsets and ids were checked. out: n * dim float32, written once, no overlap. */
typedef void er_bag_i8_fn(const er_bag_table *table, const er_bags *bags, float *out);
typedef void er_bag_i4_fn(const er_bag_table *table, const er_bags *bags, float *out);

/* Entry point of both families; `bits` is 8 or 4 as the kernel's, n_ids the length of ids.
 *   ER_TOO_LONG    a row would not fit into the stride
 *   ER_BAD_OFFSET  offsets do not rise within [0, n_ids]; *at is the position of the first bad one
 *   ER_BAD_ROW     an id lies outside [0, table->n); *at is its position
 *   ER_NOT_FINITE  a sum is NaN or infinite: all of out is written, *at is the first such bag
 * Nothing is written in the other cases. Ids outside the bags are not looked at. */
er_status er_bag_sums(const er_kernel *kernel, const er_bag_table *table, const er_bags *bags,
                      int bits, size_t n_ids, float *out, size_t *at);

/* Bytes of a row. */
size_t er_bag_row_bytes(size_t dim, int bits);

/* Quantise n rows of dim finite float32 into such rows; `stride` >= er_bag_row_bytes(), bytes beyond
 * a row become 0.
 *   scale = max(max|x| / limit, FLT_MIN), 1 for a row of zeros; limit 127 (bits 8) or 7 (bits 4)
 *   code  = x / scale, rounded half to even
 * `quantize` is a quantize_f32 kernel. ER_NOT_FINITE with *done = the first row that holds NaN or
 * infinity; rows before it are written. */
er_status er_bag_pack(const er_kernel *quantize, const float *x, size_t n, size_t dim, int bits,
                      uint8_t *rows, size_t stride, size_t *done);

#endif
