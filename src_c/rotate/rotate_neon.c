#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "hadamard.h"
#include "rotate.h"

#define INLINE   static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 8")

enum {
    LANES = 4,
    TILE = 32, /* values whose first five distances are done in eight registers */
};

er_rotate_f32_fn er_rotate_f32_neon;

INLINE void butterfly(float32x4_t *a_f32x4, float32x4_t *b_f32x4) {
    float32x4_t sum_f32x4 = vaddq_f32(*a_f32x4, *b_f32x4);
    *b_f32x4 = vsubq_f32(*a_f32x4, *b_f32x4);
    *a_f32x4 = sum_f32x4;
}

/* Butterflies over the distances 1 and 2 within a vector: the firsts of its pairs and the seconds
 * come apart, and their sums and differences together again. */
INLINE float32x4_t within(float32x4_t x_f32x4) {
    float32x4_t first_f32x4 = vtrn1q_f32(x_f32x4, x_f32x4);
    float32x4_t second_f32x4 = vtrn2q_f32(x_f32x4, x_f32x4);
    butterfly(&first_f32x4, &second_f32x4);
    x_f32x4 = vtrn1q_f32(first_f32x4, second_f32x4);
    float32x2_t low_f32x2 = vget_low_f32(x_f32x4), high_f32x2 = vget_high_f32(x_f32x4);
    return vcombine_f32(vadd_f32(low_f32x2, high_f32x2), vsub_f32(low_f32x2, high_f32x2));
}

/* Butterflies over the distances 1 to 16. */
INLINE void transform_tile(float *x) {
    float32x4_t v[TILE / LANES];
    UNROLLED for (size_t i = 0; i < 8; i++) v[i] = within(vld1q_f32(x + i * LANES));
    UNROLLED for (size_t i = 0; i < 8; i += 2) butterfly(&v[i], &v[i + 1]);
    UNROLLED for (size_t i = 0; i < 4; i++) butterfly(&v[i + i / 2 * 2], &v[i + i / 2 * 2 + 2]);
    UNROLLED for (size_t i = 0; i < 4; i++) butterfly(&v[i], &v[i + 4]);
    UNROLLED for (size_t i = 0; i < 8; i++) vst1q_f32(x + i * LANES, v[i]);
}

INLINE void transform_far(float *x, size_t n, size_t half) {
    for (size_t block = 0; block < n; block += 2 * half)
        for (size_t i = block; i < block + half; i += LANES) {
            float32x4_t a_f32x4 = vld1q_f32(x + i), b_f32x4 = vld1q_f32(x + i + half);
            butterfly(&a_f32x4, &b_f32x4);
            vst1q_f32(x + i, a_f32x4);
            vst1q_f32(x + i + half, b_f32x4);
        }
}

static void transform(float *x, size_t n) {
    for (size_t tile = 0; tile < n; tile += TILE) transform_tile(x + tile);
    for (size_t half = TILE; half < n; half *= 2) transform_far(x, n, half);
    float scale = er_hadamard_scale(n);
    for (size_t i = 0; i < n; i += LANES) vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), scale));
}

INLINE void apply_sign(float *x, int16x4_t sign_i16x4) {
    vst1q_f32(x, vmulq_f32(vld1q_f32(x), vcvtq_f32_s32(vmovl_s16(sign_i16x4))));
}

static void apply_signs(float *x, const int8_t *signs, size_t n) {
    for (size_t i = 0; i < n; i += 2 * LANES) {
        int16x8_t sign_i16x8 = vmovl_s8(vld1_s8(signs + i));
        apply_sign(x + i, vget_low_s16(sign_i16x8));
        apply_sign(x + i + LANES, vget_high_s16(sign_i16x8));
    }
}

void er_rotate_f32_neon(const float *x, size_t n, size_t dim, size_t bits, const int8_t *signs,
                        size_t n_rounds, float *out) {
    size_t part = er_hadamard_size(bits);
    for (size_t row = 0; row < n; row++, x += dim, out += bits) {
        memcpy(out, x, dim * sizeof *x);
        memset(out + dim, 0, (bits - dim) * sizeof *x);
        for (size_t round = 0; round < n_rounds; round++) {
            apply_signs(out, signs + round * bits, bits);
            transform(round % 2 ? out + bits - part : out, part);
        }
    }
}

#endif
