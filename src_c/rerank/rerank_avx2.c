#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "../fetch.h"
#include "measure.h"

#define AVX2   __attribute__((target("avx2,f16c")))
#define INLINE static inline __attribute__((always_inline, target("avx2,f16c")))

enum {
    LANES = 16, /* as in the order of the sum: two vectors of eight */
    FAR = 12,   /* rows between the first request and use: they are several lines long */
    NEAR = 3,   /* rows between the second request and use */
};

er_inner_f32_fn er_inner_f32_avx2;
er_inner_f16_fn er_inner_f16_avx2;
er_cosine_f32_fn er_cosine_f32_avx2;
er_cosine_f16_fn er_cosine_f16_avx2;
er_l2_f32_fn er_l2_f32_avx2;
er_l2_f16_fn er_l2_f16_avx2;

/* Sixteen running sums, or sixteen values. */
typedef struct {
    __m256 low_f32x8, high_f32x8;
} wide;

/* The sums of a row: of what the measure adds, and of the row's squares. */
typedef struct {
    wide sums, squares;
} row_sums;

INLINE wide load(const void *values, bool half) {
    if (half) {
        __m256i half_f16x16 = _mm256_loadu_si256((const __m256i *)values);
        return (wide){_mm256_cvtph_ps(_mm256_castsi256_si128(half_f16x16)),
                      _mm256_cvtph_ps(_mm256_extracti128_si256(half_f16x16, 1))};
    }
    const float *single = values;
    return (wide){_mm256_loadu_ps(single), _mm256_loadu_ps(single + 8)};
}

/* A product and a sum, each rounded: a fused multiply-add would differ from the scalar code. */
INLINE wide add_products(wide acc, wide a, wide b) {
    return (wide){_mm256_add_ps(acc.low_f32x8, _mm256_mul_ps(a.low_f32x8, b.low_f32x8)),
                  _mm256_add_ps(acc.high_f32x8, _mm256_mul_ps(a.high_f32x8, b.high_f32x8))};
}

INLINE wide difference(wide a, wide b) {
    return (wide){_mm256_sub_ps(a.low_f32x8, b.low_f32x8),
                  _mm256_sub_ps(a.high_f32x8, b.high_f32x8)};
}

INLINE row_sums add_columns(row_sums acc, measure what, wide query, wide row) {
    wide a = what == L2 ? difference(query, row) : query;
    acc.sums = add_products(acc.sums, a, what == L2 ? a : row);
    if (what == COSINE) acc.squares = add_products(acc.squares, row, row);
    return acc;
}

/* Lanes l and l + 8, then l and l + 4, l + 2, l + 1. */
INLINE float total(wide acc) {
    __m256 sum_f32x8 = _mm256_add_ps(acc.low_f32x8, acc.high_f32x8);
    __m128 sum_f32x4 =
        _mm_add_ps(_mm256_castps256_ps128(sum_f32x8), _mm256_extractf128_ps(sum_f32x8, 1));
    sum_f32x4 = _mm_add_ps(sum_f32x4, _mm_movehl_ps(sum_f32x4, sum_f32x4));
    return _mm_cvtss_f32(_mm_add_ss(sum_f32x4, _mm_movehdup_ps(sum_f32x4)));
}

/* The columns past the last whole 16 are copied to where zeros follow: nothing is read past a row,
 * and adding 0 * 0 changes no sum, for none is -0. */
INLINE row_sums sum_row(measure what, bool half, const float *query, const char *row, size_t dim,
                        size_t value_bytes) {
    wide zero = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    row_sums acc = {zero, zero};
    size_t whole = dim / LANES * LANES, rest = dim - whole;
    for (size_t i = 0; i < whole; i += LANES)
        acc = add_columns(acc, what, load(query + i, false), load(row + i * value_bytes, half));
    if (rest) {
        float query_rest[LANES] = {0}, row_rest[LANES] = {0};
        memcpy(query_rest, query + whole, rest * sizeof *query);
        memcpy(row_rest, row + whole * value_bytes, rest * value_bytes);
        acc = add_columns(acc, what, load(query_rest, false), load(row_rest, half));
    }
    return acc;
}

INLINE void score_rows(measure what, bool half, const float *query, const void *vectors, size_t dim,
                       const int32_t *rows, size_t m, float *out) {
    size_t value_bytes = half ? sizeof(uint16_t) : sizeof(float), row_bytes = dim * value_bytes;
    const char *table = vectors;
    er_fetch how = er_fetch_of(table, row_bytes, row_bytes);
    float query_square = 0.0f;
    if (what == COSINE)
        query_square =
            total(sum_row(COSINE, false, query, (const char *)query, dim, sizeof *query).squares);
    for (size_t j = 0; j < m && j < FAR; j++)
        er_fetch_far(table + (size_t)rows[j] * row_bytes, how);
    for (size_t j = 0; j < m; j++) {
        if (j + FAR < m) er_fetch_far(table + (size_t)rows[j + FAR] * row_bytes, how);
        if (j + NEAR < m) er_fetch_near(table + (size_t)rows[j + NEAR] * row_bytes, how);
        row_sums acc =
            sum_row(what, half, query, table + (size_t)rows[j] * row_bytes, dim, value_bytes);
        out[j] = total(acc.sums);
        if (what == COSINE) out[j] = cosine_of(out[j], query_square, total(acc.squares));
    }
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
