/* Products of int8 codes without FEAT_DotProd. */
#ifndef ER_SCAN_WIDEN_NEON_H
#define ER_SCAN_WIDEN_NEON_H

#define INLINE static inline __attribute__((always_inline))

#include "dot_neon.h"

/* A pair's sum fits 16 bits: at most 2 * 127 * 127. */
INLINE int32x4_t add_products(int32x4_t acc_i32x4, int8x16_t query_i8x16, int8x16_t row_i8x16) {
    int16x8_t pair_i16x8 = vmull_s8(vget_low_s8(query_i8x16), vget_low_s8(row_i8x16));
    pair_i16x8 = vmlal_high_s8(pair_i16x8, query_i8x16, row_i8x16);
    return vpadalq_s16(acc_i32x4, pair_i16x8);
}

/* The same, each lane from four successive codes. */
INLINE int32x4_t add_quads(int32x4_t acc_i32x4, int8x16_t a_i8x16, int8x16_t b_i8x16) {
    int16x8_t low_i16x8 = vmull_s8(vget_low_s8(a_i8x16), vget_low_s8(b_i8x16));
    return vpadalq_s16(acc_i32x4, vpaddq_s16(low_i16x8, vmull_high_s8(a_i8x16, b_i8x16)));
}

#endif
