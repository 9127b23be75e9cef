#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#include "rerank.h"

#define AVX2   __attribute__((target("avx2,f16c")))
#define INLINE static inline __attribute__((always_inline, target("avx2,f16c")))

er_inner_f32_fn er_inner_f32_avx2;
er_inner_f16_fn er_inner_f16_avx2;
er_cosine_f32_fn er_cosine_f32_avx2;
er_cosine_f16_fn er_cosine_f16_avx2;
er_l2_f32_fn er_l2_f32_avx2;
er_l2_f16_fn er_l2_f16_avx2;

typedef struct {
    __m256 low_f32x8, high_f32x8;
} wide;

#include "score_rows.h"

INLINE wide no_sums(void) { return (wide){_mm256_setzero_ps(), _mm256_setzero_ps()}; }

INLINE wide load(const void *values, bool half) {
    if (half) {
        __m256i half_f16x16 = _mm256_loadu_si256((const __m256i *)values);
        return (wide){_mm256_cvtph_ps(_mm256_castsi256_si128(half_f16x16)),
                      _mm256_cvtph_ps(_mm256_extracti128_si256(half_f16x16, 1))};
    }
    const float *single = values;
    return (wide){_mm256_loadu_ps(single), _mm256_loadu_ps(single + 8)};
}

INLINE wide add_products(wide acc, wide a, wide b) {
    return (wide){_mm256_add_ps(acc.low_f32x8, _mm256_mul_ps(a.low_f32x8, b.low_f32x8)),
                  _mm256_add_ps(acc.high_f32x8, _mm256_mul_ps(a.high_f32x8, b.high_f32x8))};
}

INLINE wide difference(wide a, wide b) {
    return (wide){_mm256_sub_ps(a.low_f32x8, b.low_f32x8),
                  _mm256_sub_ps(a.high_f32x8, b.high_f32x8)};
}

INLINE float total(wide acc) {
    __m256 sum_f32x8 = _mm256_add_ps(acc.low_f32x8, acc.high_f32x8);
    __m128 sum_f32x4 =
        _mm_add_ps(_mm256_castps256_ps128(sum_f32x8), _mm256_extractf128_ps(sum_f32x8, 1));
    sum_f32x4 = _mm_add_ps(sum_f32x4, _mm_movehl_ps(sum_f32x4, sum_f32x4));
    return _mm_cvtss_f32(_mm_add_ss(sum_f32x4, _mm_movehdup_ps(sum_f32x4)));
}

AVX2 void er_inner_f32_avx2(const float *query, const float *vectors, size_t dim,
                            const int32_t *rows, size_t m, float *out) {
    score_rows(INNER, false, query, vectors, dim, rows, m, out);
}

AVX2 void er_inner_f16_avx2(const float *query, const uint16_t *vectors, size_t dim,
                            const int32_t *rows, size_t m, float *out) {
    score_rows(INNER, true, query, vectors, dim, rows, m, out);
}

AVX2 void er_cosine_f32_avx2(const float *query, const float *vectors, size_t dim,
                             const int32_t *rows, size_t m, float *out) {
    score_rows(COSINE, false, query, vectors, dim, rows, m, out);
}

AVX2 void er_cosine_f16_avx2(const float *query, const uint16_t *vectors, size_t dim,
                             const int32_t *rows, size_t m, float *out) {
    score_rows(COSINE, true, query, vectors, dim, rows, m, out);
}

AVX2 void er_l2_f32_avx2(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                         size_t m, float *out) {
    score_rows(L2, false, query, vectors, dim, rows, m, out);
}

AVX2 void er_l2_f16_avx2(const float *query, const uint16_t *vectors, size_t dim,
                         const int32_t *rows, size_t m, float *out) {
    score_rows(L2, true, query, vectors, dim, rows, m, out);
}

#endif
