/* Inner products of int8 rows that the NEON implementations share. An implementation defines INLINE
 * (with its target) and add_products(), and includes this file. Rows of at least LANES codes.
 */
#ifndef ER_SCAN_DOT_NEON_H
#define ER_SCAN_DOT_NEON_H

#include <arm_neon.h>

#include "scan.h"

enum { LANES = 16 }; /* codes a vector */

typedef struct {
    const int8_t *codes;
    float scale;
    /* The last, partial vector is read so that it ends with the row; codes that were counted
     * already meet zeros here. So nothing is read past a row, and nothing is masked. */
    int8x16_t last_i8x16;
} neon_query;

INLINE neon_query prepare(const er_query_i8 *query, size_t dim) {
    int8_t last[LANES] = {0};
    for (size_t d = dim / LANES * LANES; d < dim; d++) last[LANES - (dim - d)] = query->codes[d];
    return (neon_query){query->codes, query->scale, vld1q_s8(last)};
}

/* acc + products of 16 codes, exact. */
INLINE int32x4_t add_products(int32x4_t acc_i32x4, int8x16_t query_i8x16, int8x16_t row_i8x16);

INLINE int32x4_t dot4(const neon_query *query, const int8_t *row0, const int8_t *row1,
                      const int8_t *row2, const int8_t *row3, size_t dim) {
    int32x4_t acc0_i32x4 = vdupq_n_s32(0), acc1_i32x4 = acc0_i32x4;
    int32x4_t acc2_i32x4 = acc0_i32x4, acc3_i32x4 = acc0_i32x4;
    size_t d = 0;
    for (; d + LANES <= dim; d += LANES) {
        int8x16_t query_i8x16 = vld1q_s8(query->codes + d);
        acc0_i32x4 = add_products(acc0_i32x4, query_i8x16, vld1q_s8(row0 + d));
        acc1_i32x4 = add_products(acc1_i32x4, query_i8x16, vld1q_s8(row1 + d));
        acc2_i32x4 = add_products(acc2_i32x4, query_i8x16, vld1q_s8(row2 + d));
        acc3_i32x4 = add_products(acc3_i32x4, query_i8x16, vld1q_s8(row3 + d));
    }
    if (d < dim) {
        d = dim - LANES;
        acc0_i32x4 = add_products(acc0_i32x4, query->last_i8x16, vld1q_s8(row0 + d));
        acc1_i32x4 = add_products(acc1_i32x4, query->last_i8x16, vld1q_s8(row1 + d));
        acc2_i32x4 = add_products(acc2_i32x4, query->last_i8x16, vld1q_s8(row2 + d));
        acc3_i32x4 = add_products(acc3_i32x4, query->last_i8x16, vld1q_s8(row3 + d));
    }
    return vpaddq_s32(vpaddq_s32(acc0_i32x4, acc1_i32x4), vpaddq_s32(acc2_i32x4, acc3_i32x4));
}

/* The products' scores, in the order of scan.h; scales and offsets are those of the four rows. */
INLINE float32x4_t score_products(int32x4_t dot_i32x4, float32x4_t scale_f32x4, float scale) {
    return vmulq_n_f32(vmulq_f32(vcvtq_f32_s32(dot_i32x4), scale_f32x4), scale);
}

#endif
