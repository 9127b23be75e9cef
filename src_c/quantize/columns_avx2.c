#if defined(__x86_64__)

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#include "quantize.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum { LANES = 8 };

er_quantize_columns_f32_fn er_quantize_columns_f32_scalar, er_quantize_columns_f32_avx2;

INLINE __m256 magnitude(__m256 x_f32x8) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x_f32x8); }

/* Where the vector from column i on starts: the last one overlaps the one before. */
INLINE size_t start_of(size_t i, size_t dim) { return i + LANES <= dim ? i : dim - LANES; }

INLINE bool row_is_finite(const float *x, size_t dim) {
    __m256 finite = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    for (size_t i = 0; i < dim; i += LANES) {
        __m256 size_f32x8 = magnitude(_mm256_loadu_ps(x + start_of(i, dim)));
        finite =
            _mm256_and_ps(finite, _mm256_cmp_ps(size_f32x8, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ));
    }
    return _mm256_movemask_ps(finite) == 0xFF;
}

INLINE void raise_largest(const float *x, size_t dim, float *largest) {
    for (size_t i = 0; i < dim; i += LANES) {
        size_t start = start_of(i, dim);
        __m256 size_f32x8 = magnitude(_mm256_loadu_ps(x + start));
        _mm256_storeu_ps(largest + start,
                         _mm256_max_ps(size_f32x8, _mm256_loadu_ps(largest + start)));
    }
}

/* A true division, for x * (1 / scale) rounds twice; the conversion rounds half to even. The packs
 * saturate, which nothing here can reach. */
INLINE void write_codes(const float *x, size_t dim, const float *scales, int8_t *codes) {
    for (size_t i = 0; i < dim; i += LANES) {
        size_t start = start_of(i, dim);
        __m256i code_i32x8 = _mm256_cvtps_epi32(
            _mm256_div_ps(_mm256_loadu_ps(x + start), _mm256_loadu_ps(scales + start)));
        __m128i code_i16x8 = _mm_packs_epi32(_mm256_castsi256_si128(code_i32x8),
                                             _mm256_extracti128_si256(code_i32x8, 1));
        _mm_storel_epi64((__m128i *)(codes + start), _mm_packs_epi16(code_i16x8, code_i16x8));
    }
}

AVX2 void er_quantize_columns_f32_avx2(const float *x, size_t n, size_t dim, int8_t *codes,
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
