#if defined(__aarch64__)

#include <arm_neon.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "quantize.h"

enum { LANES = 8 };

er_quantize_f32_fn er_quantize_f32_scalar, er_quantize_f32_neon;

static inline uint32x4_t magnitude_bits(const float *x) {
    return vbicq_u32(vreinterpretq_u32_f32(vld1q_f32(x)), vdupq_n_u32(UINT32_C(1) << 31));
}

/* Bits of the largest |x| of a row. Without the sign they order as integers, infinity and NaN above
 * every number, so the maximum also tells whether all are finite. dim >= LANES; the last vector
 * overlaps the one before. */
static inline uint32_t largest_bits(const float *x, size_t dim) {
    uint32x4_t largest_u32x4 = vdupq_n_u32(0);
    for (size_t i = 0; i < dim; i += LANES) {
        const float *part = x + (i + LANES <= dim ? i : dim - LANES);
        largest_u32x4 = vmaxq_u32(largest_u32x4, magnitude_bits(part));
        largest_u32x4 = vmaxq_u32(largest_u32x4, magnitude_bits(part + 4));
    }
    return vmaxvq_u32(largest_u32x4);
}

/* A true division, for x * (1 / scale) rounds twice; "n" rounds half to even. */
static inline int16x4_t codes_of(const float *x, float32x4_t scale_f32x4) {
    return vmovn_s32(vcvtnq_s32_f32(vdivq_f32(vld1q_f32(x), scale_f32x4)));
}

static inline void write_codes(const float *x, float32x4_t scale_f32x4, int8_t *codes) {
    int16x8_t code_i16x8 = vcombine_s16(codes_of(x, scale_f32x4), codes_of(x + 4, scale_f32x4));
    vst1_s8(codes, vmovn_s16(code_i16x8));
}

void er_quantize_f32_neon(const float *x, size_t n, size_t dim, int8_t *codes, float *scales,
                          size_t *done) {
    if (dim < LANES) {
        er_quantize_f32_scalar(x, n, dim, codes, scales, done); /* narrower than a vector */
        return;
    }
    const uint32_t infinity = UINT32_C(0x7F800000);
    for (*done = 0; *done < n; (*done)++, x += dim, codes += dim, scales++) {
        uint32_t bits = largest_bits(x, dim);
        if (bits >= infinity) return;
        float largest;
        memcpy(&largest, &bits, sizeof largest);
        *scales = largest > 0.0f ? fmaxf(largest / 127.0f, FLT_MIN) : 1.0f;
        float32x4_t scale_f32x4 = vdupq_n_f32(*scales);
        for (size_t i = 0; i < dim; i += LANES) {
            size_t start = i + LANES <= dim ? i : dim - LANES;
            write_codes(x + start, scale_f32x4, codes + start);
        }
    }
}

#endif
