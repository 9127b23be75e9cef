#if defined(__x86_64__)

#include <immintrin.h>

#include "score_i4.h"

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"
#define VNNI   __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

enum {
    LANES = 64, /* bytes a vector */
    GROUP = 16, /* rows scored together: one vector of scores */
};

er_score_i4_fn er_score_i4_avx512vnni;

typedef struct {
    const int8_t *low, *high; /* what the low and the high nibbles are multiplied with */
    size_t half, highs;       /* bytes of a row, and how many of them have a high nibble */
    int32_t surplus;
    float scale;
} i4_query;

#include "../scan/sums_avx512.h"
#include "score_i4_x86.h"

INLINE i4_query prepare(const er_query_i8 *query, size_t dim) {
    const size_t half = er_row_bytes_i4(dim);
    return (i4_query){.low = query->codes,
                      .high = query->codes + half,
                      .half = half,
                      .highs = dim - half,
                      .surplus = surplus_of(query, dim),
                      .scale = query->scale};
}

/* Up to 64 bytes; those that are not there are not read, and 0. */
INLINE __m512i load(const void *bytes, size_t n) {
    const __mmask64 there = n < LANES ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    return _mm512_maskz_loadu_epi8(there, bytes);
}

INLINE __m512i add_products(__m512i acc_i32x16, __m512i row_u8x64, __m512i low_i8x64,
                            __m512i high_i8x64) {
    const __m512i nibble_u8x64 = _mm512_set1_epi8(15);
    acc_i32x16 =
        _mm512_dpbusd_epi32(acc_i32x16, _mm512_and_si512(row_u8x64, nibble_u8x64), low_i8x64);
    return _mm512_dpbusd_epi32(acc_i32x16,
                               _mm512_and_si512(_mm512_srli_epi16(row_u8x64, 4), nibble_u8x64),
                               high_i8x64);
}

/* Lane 4 * j + r holds the j-th part of the sum of row r. */
INLINE __m512i dot4_parts(const i4_query *query, const uint8_t *const rows[4]) {
    __m512i acc[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) acc[r] = _mm512_setzero_si512();
    for (size_t d = 0; d < query->half; d += LANES) {
        const __m512i low_i8x64 = load(query->low + d, query->half - d);
        const __m512i high_i8x64 =
            query->highs > d ? load(query->high + d, query->highs - d) : _mm512_setzero_si512();
#pragma GCC unroll 4
        for (size_t r = 0; r < 4; r++)
            acc[r] =
                add_products(acc[r], load(rows[r] + d, query->half - d), low_i8x64, high_i8x64);
    }
    return sum_parts(acc[0], acc[1], acc[2], acc[3]);
}

INLINE __m128i dot4(const i4_query *query, const uint8_t *const rows[4]) {
    return sum_of_parts(dot4_parts(query, rows));
}

/* Scores of sixteen rows from row i on. */
INLINE void score_group(const i4_query *query, const er_rows_i4 *table, size_t i, float *scores) {
    __m512i parts[4];
#pragma GCC unroll 4
    for (size_t q = 0; q < 4; q++) {
        const uint8_t *row = table->codes + (i + 4 * q) * query->half;
        const uint8_t *const rows[4] = {row, row + query->half, row + 2 * query->half,
                                        row + 3 * query->half};
        parts[q] = dot4_parts(query, rows);
    }
    __m512 score_f32x16 = _mm512_cvtepi32_ps(
        _mm512_sub_epi32(sums_of_parts(parts), _mm512_set1_epi32(query->surplus)));
    score_f32x16 = _mm512_mul_ps(score_f32x16, _mm512_loadu_ps(table->scales + i));
    score_f32x16 = _mm512_mul_ps(score_f32x16, _mm512_set1_ps(query->scale));
    if (table->offsets)
        score_f32x16 = _mm512_add_ps(score_f32x16, _mm512_loadu_ps(table->offsets + i));
    _mm512_storeu_ps(scores, score_f32x16);
}

INLINE void score_all(const i4_query *query, const er_rows_i4 *table, size_t start, size_t n,
                      float *scores) {
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) score_group(query, table, start + i, scores + i);
    for (; i < n; i += 4) score_few(query, table, start + i, n - i < 4 ? n - i : 4, scores + i);
}

/* With their length known at compile time rows are loaded without masks. */
VNNI void er_score_i4_avx512vnni(const er_query_i8 *query, const er_rows_i4 *table, size_t start,
                                 size_t n, float *scores) {
    i4_query ready = prepare(query, table->dim);
    if (table->dim == 2 * LANES) {
        ready.half = ready.highs = LANES;
        score_all(&ready, table, start, n, scores);
    } else {
        score_all(&ready, table, start, n, scores);
    }
}

#endif
