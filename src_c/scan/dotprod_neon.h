/* Products of int8 codes with FEAT_DotProd. The whole architecture is named, for GCC inlines its
 * own intrinsics into nothing less. */
#ifndef ER_SCAN_DOTPROD_NEON_H
#define ER_SCAN_DOTPROD_NEON_H

#define NEONDOT __attribute__((target("arch=armv8.2-a+dotprod")))
#define INLINE  static inline __attribute__((always_inline, target("arch=armv8.2-a+dotprod")))

#include "dot_neon.h"

INLINE int32x4_t add_products(int32x4_t acc_i32x4, int8x16_t query_i8x16, int8x16_t row_i8x16) {
    return vdotq_s32(acc_i32x4, query_i8x16, row_i8x16);
}

/* The same, each lane from four successive codes. */
INLINE int32x4_t add_quads(int32x4_t acc_i32x4, int8x16_t a_i8x16, int8x16_t b_i8x16) {
    return vdotq_s32(acc_i32x4, a_i8x16, b_i8x16);
}

#endif
