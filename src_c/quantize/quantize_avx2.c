#if defined(__x86_64__)

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "quantize.h"

#define AVX2 __attribute__((target("avx2")))

enum { LANES = 8 };

er_quantize_f32_fn er_quantize_f32_scalar, er_quantize_f32_avx2;

/* Bits of the largest |x| of a row. Without the sign they order as integers, infinity and NaN above
 * every number, so the maximum also tells whether all are finite. dim >= LANES; the last vector
 * overlaps the one before. */
AVX2 static inline uint32_t largest_bits(const float *x, size_t dim) {
    const __m256i magnitude_i32x8 = _mm256_set1_epi32(INT32_MAX);
    __m256i largest_i32x8 = _mm256_setzero_si256();
    for (size_t i = 0; i < dim; i += LANES) {
        size_t start = i + LANES <= dim ? i : dim - LANES;
        __m256i bits_i32x8 = _mm256_loadu_si256((const __m256i *)(x + start));
        largest_i32x8 =
            _mm256_max_epi32(largest_i32x8, _mm256_and_si256(bits_i32x8, magnitude_i32x8));
    }
    uint32_t lanes[LANES], largest = 0;
    _mm256_storeu_si256((__m256i *)lanes, largest_i32x8);
    for (size_t l = 0; l < LANES; l++) largest = lanes[l] > largest ? lanes[l] : largest;
    return largest;
}

/* Codes of eight numbers: a true division, for x * (1 / scale) rounds twice; the conversion rounds
 * half to even. The packs saturate, which nothing here can reach. */
AVX2 static inline void write_codes(const float *x, __m256 scale_f32x8, int8_t *codes) {
    __m256i code_i32x8 = _mm256_cvtps_epi32(_mm256_div_ps(_mm256_loadu_ps(x), scale_f32x8));
    __m128i code_i16x8 = _mm_packs_epi32(_mm256_castsi256_si128(code_i32x8),
                                         _mm256_extracti128_si256(code_i32x8, 1));
    _mm_storel_epi64((__m128i *)codes, _mm_packs_epi16(code_i16x8, code_i16x8));
}

AVX2 void er_quantize_f32_avx2(const float *x, size_t n, size_t dim, int8_t *codes, float *scales,
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
        __m256 scale_f32x8 = _mm256_set1_ps(*scales);
        for (size_t i = 0; i < dim; i += LANES) {
            size_t start = i + LANES <= dim ? i : dim - LANES;
            write_codes(x + start, scale_f32x8, codes + start);
        }
    }
}

#endif
