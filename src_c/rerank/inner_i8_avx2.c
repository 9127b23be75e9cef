#if defined(__x86_64__)

#include <immintrin.h>

#include "inner_i8.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum { LANES = 32 }; /* codes a vector */

er_inner_i8_fn er_inner_i8_scalar, er_inner_i8_avx2;

typedef struct {
    const int8_t *codes;
    float scale;
    /* The last, partial vector is read so that it ends with the row; codes that were counted
     * already meet zeros here. */
    __m256i last_i8x32;
} row_query;

AVX2 static row_query prepare(const er_query_i8 *query, size_t dim) {
    int8_t last[LANES] = {0};
    for (size_t d = dim / LANES * LANES; d < dim; d++) last[LANES - (dim - d)] = query->codes[d];
    return (row_query){.codes = query->codes,
                       .scale = query->scale,
                       .last_i8x32 = _mm256_loadu_si256((const __m256i *)last)};
}

/* acc + products of 32 codes. maddubs wants one unsigned side, and saturates a pair's sum at 32767:
 * |query| times the row with the query's sign moved over stays below, at most 2 * 127 * 127. */
INLINE __m256i add_products(__m256i acc_i32x8, __m256i query_i8x32, const int8_t *row) {
    __m256i row_i8x32 = _mm256_loadu_si256((const __m256i *)row);
    __m256i pairs_i16x16 = _mm256_maddubs_epi16(_mm256_abs_epi8(query_i8x32),
                                                _mm256_sign_epi8(row_i8x32, query_i8x32));
    __m256i quads_i32x8 = _mm256_madd_epi16(pairs_i16x16, _mm256_set1_epi16(1));
    return _mm256_add_epi32(acc_i32x8, quads_i32x8);
}

INLINE __m128i dot4(const row_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim) {
    __m256i acc0_i32x8 = _mm256_setzero_si256(), acc1_i32x8 = acc0_i32x8;
    __m256i acc2_i32x8 = acc0_i32x8, acc3_i32x8 = acc0_i32x8;
    size_t d = 0;
    for (; d + LANES <= dim; d += LANES) {
        __m256i query_i8x32 = _mm256_loadu_si256((const __m256i *)(query->codes + d));
        acc0_i32x8 = add_products(acc0_i32x8, query_i8x32, row0 + d);
        acc1_i32x8 = add_products(acc1_i32x8, query_i8x32, row1 + d);
        acc2_i32x8 = add_products(acc2_i32x8, query_i8x32, row2 + d);
        acc3_i32x8 = add_products(acc3_i32x8, query_i8x32, row3 + d);
    }
    if (d < dim) {
        d = dim - LANES;
        acc0_i32x8 = add_products(acc0_i32x8, query->last_i8x32, row0 + d);
        acc1_i32x8 = add_products(acc1_i32x8, query->last_i8x32, row1 + d);
        acc2_i32x8 = add_products(acc2_i32x8, query->last_i8x32, row2 + d);
        acc3_i32x8 = add_products(acc3_i32x8, query->last_i8x32, row3 + d);
    }
    __m256i sums_i32x8 = _mm256_hadd_epi32(_mm256_hadd_epi32(acc0_i32x8, acc1_i32x8),
                                           _mm256_hadd_epi32(acc2_i32x8, acc3_i32x8));
    return _mm_add_epi32(_mm256_castsi256_si128(sums_i32x8),
                         _mm256_extracti128_si256(sums_i32x8, 1));
}

#include "inner_i8_rows.h"

/* With dim known at compile time its loops unroll. */
AVX2 void er_inner_i8_avx2(const er_query_i8 *query, const er_rows_i8 *table, const int32_t *rows,
                           size_t m, float *out) {
    const row_query ready = prepare(query, table->dim);
    switch (table->dim) {
    case 64: score_rows(&ready, table, rows, m, 64, out); break;
    case 128: score_rows(&ready, table, rows, m, 128, out); break;
    default:
        if (table->dim < LANES)
            er_inner_i8_scalar(query, table, rows, m, out); /* narrower than a vector */
        else
            score_rows(&ready, table, rows, m, table->dim, out);
    }
}

#endif
