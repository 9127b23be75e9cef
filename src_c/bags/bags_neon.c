#if defined(__aarch64__)

#include <arm_neon.h>

#include "rows.h"

#define INLINE static inline __attribute__((always_inline))

er_bag_i8_fn er_bag_i8_scalar, er_bag_i8_neon;
er_bag_i4_fn er_bag_i4_neon;

typedef struct {
    float32x4_t low_f32x4, high_f32x4;
} sum8;

#include "columns.h"

INLINE sum8 no_sum(void) { return (sum8){vdupq_n_f32(0), vdupq_n_f32(0)}; }

INLINE sum8 convert(int8x8_t code_i8x8) {
    int16x8_t code_i16x8 = vmovl_s8(code_i8x8);
    return (sum8){vcvtq_f32_s32(vmovl_s16(vget_low_s16(code_i16x8))),
                  vcvtq_f32_s32(vmovl_high_s16(code_i16x8))};
}

INLINE sum8 load_i8(const uint8_t *codes) { return convert(vreinterpret_s8_u8(vld1_u8(codes))); }

INLINE sum8 widen_i8(uint64_t codes) { return convert(vcreate_s8(codes)); }

/* The low nibble of each byte to its top, and both back down with their signs. */
INLINE sum8 widen_i4(uint32_t nibbles) {
    int8x8_t pair_i8x8 = vcreate_s8(nibbles);
    int8x8_t low_i8x8 = vshr_n_s8(vshl_n_s8(pair_i8x8, 4), 4);
    return convert(vzip1_s8(low_i8x8, vshr_n_s8(pair_i8x8, 4)));
}

INLINE void store8(float *out, sum8 sum) {
    vst1q_f32(out, sum.low_f32x4);
    vst1q_f32(out + 4, sum.high_f32x4);
}

INLINE sum8 divide(sum8 sum, float n) {
    float32x4_t n_f32x4 = vdupq_n_f32(n);
    return (sum8){vdivq_f32(sum.low_f32x4, n_f32x4), vdivq_f32(sum.high_f32x4, n_f32x4)};
}

INLINE sum8 add_product(sum8 sum, float factor, sum8 codes) {
    return (sum8){vaddq_f32(sum.low_f32x4, vmulq_n_f32(codes.low_f32x4, factor)),
                  vaddq_f32(sum.high_f32x4, vmulq_n_f32(codes.high_f32x4, factor))};
}

void er_bag_i8_neon(const er_bag_table *table, const er_bags *bags, float *out) {
    if (table->dim < LANES / 2)
        er_bag_i8_scalar(table, bags, out); /* a row is narrower than what last_codes() reads */
    else
        sum_bags(table, bags, 8, out);
}

void er_bag_i4_neon(const er_bag_table *table, const er_bags *bags, float *out) {
    sum_bags(table, bags, 4, out);
}

#endif
