#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "rerank.h"

#define AVX2   __attribute__((target("avx2,f16c")))
#define INLINE static inline __attribute__((always_inline, target("avx2,f16c")))

enum {
    LANES = 16, /* as in the order of the sum: two vectors of eight */
    AHEAD = 4,  /* rows between prefetch and use; they lie anywhere in memory */
    CACHE_LINE = 64,
};

er_inner_f32_fn er_inner_f32_avx2;
er_inner_f16_fn er_inner_f16_avx2;

/* The sixteen running sums of a row. */
typedef struct {
    __m256 low_f32x8, high_f32x8;
} sums;

/* A product and a sum, each rounded: a fused multiply-add would differ from the scalar code. */
INLINE void add_products(sums *acc, const float *query, __m256 low_f32x8, __m256 high_f32x8) {
    acc->low_f32x8 =
        _mm256_add_ps(acc->low_f32x8, _mm256_mul_ps(_mm256_loadu_ps(query), low_f32x8));
    acc->high_f32x8 =
        _mm256_add_ps(acc->high_f32x8, _mm256_mul_ps(_mm256_loadu_ps(query + 8), high_f32x8));
}

INLINE void add_f32(sums *acc, const float *query, const float *row) {
    add_products(acc, query, _mm256_loadu_ps(row), _mm256_loadu_ps(row + 8));
}

INLINE void add_f16(sums *acc, const float *query, const uint16_t *row) {
    __m256i half_f16x16 = _mm256_loadu_si256((const __m256i *)row);
    add_products(acc, query, _mm256_cvtph_ps(_mm256_castsi256_si128(half_f16x16)),
                 _mm256_cvtph_ps(_mm256_extracti128_si256(half_f16x16, 1)));
}

/* Lanes l and l + 8, then l and l + 4, l + 2, l + 1. */
INLINE float total(const sums *acc) {
    __m256 sum_f32x8 = _mm256_add_ps(acc->low_f32x8, acc->high_f32x8);
    __m128 sum_f32x4 =
        _mm_add_ps(_mm256_castps256_ps128(sum_f32x8), _mm256_extractf128_ps(sum_f32x8, 1));
    sum_f32x4 = _mm_add_ps(sum_f32x4, _mm_movehl_ps(sum_f32x4, sum_f32x4));
    return _mm_cvtss_f32(_mm_add_ss(sum_f32x4, _mm_movehdup_ps(sum_f32x4)));
}

INLINE void fetch(const void *row, size_t n_bytes) {
    for (size_t b = 0; b < n_bytes; b += CACHE_LINE)
        _mm_prefetch((const char *)row + b, _MM_HINT_T0);
}

/* The columns past the last whole 16 are copied to where zeros follow: nothing is read past a row,
 * and adding 0 * 0 changes no sum, for none is -0. */
AVX2 void er_inner_f32_avx2(const float *query, const float *vectors, size_t dim,
                            const int32_t *rows, size_t m, float *out) {
    size_t whole = dim / LANES * LANES, rest = (dim - whole) * sizeof(float);
    float query_rest[LANES] = {0}, row_rest[LANES] = {0};
    memcpy(query_rest, query + whole, rest);
    for (size_t j = 0; j < m; j++) {
        const float *row = vectors + (size_t)rows[j] * dim;
        if (j + AHEAD < m) fetch(vectors + (size_t)rows[j + AHEAD] * dim, dim * sizeof(float));
        sums acc = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t i = 0; i < whole; i += LANES) add_f32(&acc, query + i, row + i);
        if (rest) {
            memcpy(row_rest, row + whole, rest);
            add_f32(&acc, query_rest, row_rest);
        }
        out[j] = total(&acc);
    }
}

AVX2 void er_inner_f16_avx2(const float *query, const uint16_t *vectors, size_t dim,
                            const int32_t *rows, size_t m, float *out) {
    size_t whole = dim / LANES * LANES, rest = dim - whole;
    float query_rest[LANES] = {0};
    uint16_t row_rest[LANES] = {0};
    memcpy(query_rest, query + whole, rest * sizeof(float));
    for (size_t j = 0; j < m; j++) {
        const uint16_t *row = vectors + (size_t)rows[j] * dim;
        if (j + AHEAD < m) fetch(vectors + (size_t)rows[j + AHEAD] * dim, dim * sizeof(uint16_t));
        sums acc = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t i = 0; i < whole; i += LANES) add_f16(&acc, query + i, row + i);
        if (rest) {
            memcpy(row_rest, row + whole, rest * sizeof(uint16_t));
            add_f16(&acc, query_rest, row_rest);
        }
        out[j] = total(&acc);
    }
}

#endif
