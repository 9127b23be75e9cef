#if defined(__aarch64__)

#include <arm_neon.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "quantize.h"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

er_quantize_columns_f32_fn er_quantize_columns_f32_scalar, er_quantize_columns_f32_neon;

/* Where the vectors from column i on start: the last ones overlap those before. */
INLINE size_t start_of(size_t i, size_t dim) { return i + LANES <= dim ? i : dim - LANES; }

INLINE uint32x4_t is_finite(const float *x) {
    return vcleq_f32(vabsq_f32(vld1q_f32(x)), vdupq_n_f32(FLT_MAX));
}

INLINE bool row_is_finite(const float *x, size_t dim) {
    uint32x4_t finite_u32x4 = vdupq_n_u32(UINT32_MAX);
    for (size_t i = 0; i < dim; i += LANES) {
        const float *part = x + start_of(i, dim);
        finite_u32x4 = vandq_u32(finite_u32x4, vandq_u32(is_finite(part), is_finite(part + 4)));
    }
    return vminvq_u32(finite_u32x4) != 0;
}

INLINE void raise(const float *x, float *largest) {
    vst1q_f32(largest, vmaxq_f32(vabsq_f32(vld1q_f32(x)), vld1q_f32(largest)));
}

INLINE void raise_largest(const float *x, size_t dim, float *largest) {
    for (size_t i = 0; i < dim; i += LANES) {
        size_t start = start_of(i, dim);
        raise(x + start, largest + start);
        raise(x + start + 4, largest + start + 4);
    }
}

/* A true division, for x * (1 / scale) rounds twice; "n" rounds half to even. */
INLINE int16x4_t codes_of(const float *x, const float *scales) {
    return vmovn_s32(vcvtnq_s32_f32(vdivq_f32(vld1q_f32(x), vld1q_f32(scales))));
}

INLINE void write_codes(const float *x, size_t dim, const float *scales, int8_t *codes) {
    for (size_t i = 0; i < dim; i += LANES) {
        size_t start = start_of(i, dim);
        int16x4_t low_i16x4 = codes_of(x + start, scales + start);
        int16x4_t high_i16x4 = codes_of(x + start + 4, scales + start + 4);
        vst1_s8(codes + start, vmovn_s16(vcombine_s16(low_i16x4, high_i16x4)));
    }
}

void er_quantize_columns_f32_neon(const float *x, size_t n, size_t dim, int8_t *codes,
                                  float *scales, size_t *done) {
    if (dim < LANES) {
        er_quantize_columns_f32_scalar(x, n, dim, codes, scales, done); /* narrower than a vector */
        return;
    }
    for (*done = 0; *done < n; (*done)++)
        if (!row_is_finite(x + *done * dim, dim)) return;
    for (size_t d = 0; d < dim; d++) scales[d] = 0.0f;
    for (size_t i = 0; i < n; i++) raise_largest(x + i * dim, dim, scales);
    for (size_t d = 0; d < dim; d++)
        scales[d] = scales[d] > 0.0f ? fmaxf(scales[d] / 127.0f, FLT_MIN) : 1.0f;
    for (size_t i = 0; i < n; i++) write_codes(x + i * dim, dim, scales, codes + i * dim);
}

#endif
