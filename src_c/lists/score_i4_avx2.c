#if defined(__x86_64__)

#include <immintrin.h>

#include "score_i4.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum { LANES = 32 }; /* bytes a vector */

er_score_i4_fn er_score_i4_avx2;

/* Bytes beyond `whole` are the last of a row, at most LANES: there the query ends, and is copied to
 * where zeros follow. */
typedef struct {
    const int8_t *low, *high; /* what the low and the high nibbles are multiplied with */
    size_t half, whole;
    int8_t last_low[LANES], last_high[LANES];
    int32_t surplus;
    float scale;
} i4_query;

#include "score_i4_x86.h"

INLINE i4_query prepare(const er_query_i8 *query, size_t dim) {
    const size_t half = er_row_bytes_i4(dim), whole = (dim - half) / LANES * LANES;
    i4_query ready = {.low = query->codes,
                      .high = query->codes + half,
                      .half = half,
                      .whole = whole,
                      .surplus = surplus_of(query, dim),
                      .scale = query->scale};
    memcpy(ready.last_low, ready.low + whole, half - whole);
    memcpy(ready.last_high, ready.high + whole, dim - half - whole);
    return ready;
}

/* acc + nibbles * query: a sum of four products is at most 4 * 15 * 127, within int16. */
INLINE __m256i add_products(__m256i acc_i32x8, __m256i row_u8x32, const int8_t *low,
                            const int8_t *high) {
    const __m256i nibble_u8x32 = _mm256_set1_epi8(15);
    const __m256i low_u8x32 = _mm256_and_si256(row_u8x32, nibble_u8x32);
    const __m256i high_u8x32 = _mm256_and_si256(_mm256_srli_epi16(row_u8x32, 4), nibble_u8x32);
    const __m256i sum_i16x16 =
        _mm256_add_epi16(_mm256_maddubs_epi16(low_u8x32, _mm256_loadu_si256((const __m256i *)low)),
                         _mm256_maddubs_epi16(high_u8x32,
                                              _mm256_loadu_si256((const __m256i *)high)));
    return _mm256_add_epi32(acc_i32x8, _mm256_madd_epi16(sum_i16x16, _mm256_set1_epi16(1)));
}

INLINE __m256i dot_row(const i4_query *query, const uint8_t *row) {
    __m256i acc_i32x8 = _mm256_setzero_si256();
    for (size_t d = 0; d < query->whole; d += LANES)
        acc_i32x8 = add_products(acc_i32x8, _mm256_loadu_si256((const __m256i *)(row + d)),
                                 query->low + d, query->high + d);
    if (query->whole == query->half) return acc_i32x8;
    uint8_t last[LANES] = {0};
    memcpy(last, row + query->whole, query->half - query->whole);
    return add_products(acc_i32x8, _mm256_loadu_si256((const __m256i *)last), query->last_low,
                        query->last_high);
}

INLINE __m128i dot4(const i4_query *query, const uint8_t *const rows[4]) {
    const __m256i sum01 = _mm256_hadd_epi32(dot_row(query, rows[0]), dot_row(query, rows[1]));
    const __m256i sum23 = _mm256_hadd_epi32(dot_row(query, rows[2]), dot_row(query, rows[3]));
    const __m256i sums = _mm256_hadd_epi32(sum01, sum23);
    return _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
}

AVX2 void er_score_i4_avx2(const er_query_i8 *query, const er_rows_i4 *table, size_t start,
                           size_t n, float *scores) {
    const i4_query ready = prepare(query, table->dim);
    for (size_t i = 0; i < n; i += 4)
        score_few(&ready, table, start + i, n - i < 4 ? n - i : 4, scores + i);
}

#endif
