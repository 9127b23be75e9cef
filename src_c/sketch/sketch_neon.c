#if defined(__aarch64__)

#include <arm_neon.h>

#include "lanes.h"
#include "sketch.h"

#define INLINE static inline __attribute__((always_inline))

enum { PARTS = ER_LANES / 4 }; /* vectors that hold the lanes of a sum */

er_sketch_f32_fn er_sketch_f32_neon;

typedef struct {
    float32x4_t part_f32x4[PARTS];
} sums;

INLINE float total(const sums *of) {
    float lanes[ER_LANES];
    for (size_t p = 0; p < PARTS; p++) vst1q_f32(lanes + 4 * p, of->part_f32x4[p]);
    return er_sum_lanes(lanes);
}

/* A comparison, not the sign bits: -0.0 is not below zero, and NaN has no bit. */
INLINE uint16x4_t not_below(const float *x) { return vmovn_u32(vcgezq_f32(vld1q_f32(x))); }

/* Bit i: x[i] >= 0, of sixteen. */
INLINE uint64_t bits16(const float *x) {
    static const uint8_t place[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint8x8_t low_u8x8 = vmovn_u16(vcombine_u16(not_below(x), not_below(x + 4)));
    uint8x8_t high_u8x8 = vmovn_u16(vcombine_u16(not_below(x + 8), not_below(x + 12)));
    const uint8x8_t place_u8x8 = vld1_u8(place);
    uint64_t low = vaddv_u8(vand_u8(low_u8x8, place_u8x8));
    return low | (uint64_t)vaddv_u8(vand_u8(high_u8x8, place_u8x8)) << 8;
}

INLINE void add_to_sums(sums *squares, sums *sizes, const float *x) {
    for (size_t p = 0; p < PARTS; p++) {
        float32x4_t x_f32x4 = vld1q_f32(x + 4 * p);
        float32x4_t square_f32x4 = vmulq_f32(x_f32x4, x_f32x4);
        squares->part_f32x4[p] = vaddq_f32(squares->part_f32x4[p], square_f32x4);
        sizes->part_f32x4[p] = vaddq_f32(sizes->part_f32x4[p], vabsq_f32(x_f32x4));
    }
}

void er_sketch_f32_neon(const float *rotated, size_t n, size_t words, uint64_t *bits,
                        float *factors) {
    const float32x4_t zero_f32x4 = vdupq_n_f32(0);
    for (size_t row = 0; row < n; row++, bits += words) {
        sums squares = {{zero_f32x4, zero_f32x4, zero_f32x4, zero_f32x4}}, sizes = squares;
        for (size_t word = 0; word < words; word++) {
            uint64_t ones = 0;
            for (size_t i = 0; i < 64; i += ER_LANES, rotated += ER_LANES) {
                ones |= bits16(rotated) << i;
                add_to_sums(&squares, &sizes, rotated);
            }
            bits[word] = ones;
        }
        factors[row] = er_sketch_factor(total(&squares), total(&sizes));
    }
}

#endif
