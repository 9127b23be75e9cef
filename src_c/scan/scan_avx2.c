#if defined(__x86_64__)

#include <assert.h>
#include <immintrin.h>

#include "scan.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum {
    LANES = 32, /* codes a vector */
    GROUP = 8,  /* rows scored together: one vector of scores */
};

er_scan_i8_fn er_scan_i8_avx2;

typedef struct {
    const int8_t *codes;
    float scale;
    /* A width that is no multiple of LANES ends in a vector that overlaps the one before: a row's
     * last LANES codes, of which those that were counted already meet zeros here. So nothing is
     * read past a row, and nothing is masked. A row narrower than a vector is taken as two halves
     * that overlap (narrow_row), and the query is laid out alike. */
    __m256i last_i8x32;
} scan_query;

/* The halves of a row of `dim` < LANES codes: 16, 8 or 4 codes from its beginning and as many up to
 * its end; the first, the middle and the last of up to three. */
static size_t half_of(size_t dim) { return dim >= 16 ? 16 : dim >= 8 ? 8 : dim >= 4 ? 4 : 0; }

AVX2 static scan_query prepare(const er_query_i8 *query, size_t dim) {
    const int8_t *codes = query->codes;
    int8_t last[LANES] = {0};
    size_t half = half_of(dim);
    if (dim >= LANES) {
        for (size_t d = dim / LANES * LANES; d < dim; d++) last[LANES - (dim - d)] = codes[d];
    } else if (half) {
        for (size_t d = 0; d < dim; d++) last[d < half ? d : 2 * half - (dim - d)] = codes[d];
    } else {
        for (size_t d = 0; d < dim; d++) last[d + 1 == dim ? 2 : d] = codes[d];
    }
    return (scan_query){.codes = query->codes,
                        .scale = query->scale,
                        .last_i8x32 = _mm256_loadu_si256((const __m256i *)last)};
}

/* acc + products of 32 codes. maddubs wants one unsigned side, and saturates a pair's sum at 32767:
 * |query| times the row with the query's sign moved over stays below, at most 2 * 127 * 127. */
INLINE __m256i add_products(__m256i acc_i32x8, __m256i query_i8x32, __m256i row_i8x32) {
    __m256i pairs_i16x16 = _mm256_maddubs_epi16(_mm256_abs_epi8(query_i8x32),
                                                _mm256_sign_epi8(row_i8x32, query_i8x32));
    __m256i quads_i32x8 = _mm256_madd_epi16(pairs_i16x16, _mm256_set1_epi16(1));
    return _mm256_add_epi32(acc_i32x8, quads_i32x8);
}

INLINE __m256i wide(const int8_t *row) { return _mm256_loadu_si256((const __m256i *)row); }

/* The codes of a row narrower than a vector; nothing else is read. */
INLINE __m256i narrow_row(const int8_t *row, size_t dim) {
    const int8_t *end = row + dim;
    if (dim >= 16) return _mm256_loadu2_m128i((const __m128i *)(end - 16), (const __m128i *)row);
    if (dim >= 8)
        return _mm256_zextsi128_si256(
            _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)row),
                               _mm_loadl_epi64((const __m128i *)(end - 8))));
    if (dim >= 4)
        return _mm256_zextsi128_si256(
            _mm_unpacklo_epi32(_mm_loadu_si32(row), _mm_loadu_si32(end - 4)));
    if (dim == 0) return _mm256_setzero_si256();
    unsigned three =
        (uint8_t)row[0] | (unsigned)(uint8_t)row[dim / 2] << 8 | (unsigned)(uint8_t)end[-1] << 16;
    return _mm256_zextsi128_si256(_mm_cvtsi32_si128((int)three));
}

/* Inner products of four rows. Named accumulators, because an array of them would live in memory.
 */
INLINE __m128i dot4(const scan_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim) {
    __m256i acc0_i32x8 = _mm256_setzero_si256(), acc1_i32x8 = acc0_i32x8;
    __m256i acc2_i32x8 = acc0_i32x8, acc3_i32x8 = acc0_i32x8;
    size_t d = 0;
    for (; d + LANES <= dim; d += LANES) {
        __m256i query_i8x32 = _mm256_loadu_si256((const __m256i *)(query->codes + d));
        acc0_i32x8 = add_products(acc0_i32x8, query_i8x32, wide(row0 + d));
        acc1_i32x8 = add_products(acc1_i32x8, query_i8x32, wide(row1 + d));
        acc2_i32x8 = add_products(acc2_i32x8, query_i8x32, wide(row2 + d));
        acc3_i32x8 = add_products(acc3_i32x8, query_i8x32, wide(row3 + d));
    }
    if (dim < LANES) {
        acc0_i32x8 = add_products(acc0_i32x8, query->last_i8x32, narrow_row(row0, dim));
        acc1_i32x8 = add_products(acc1_i32x8, query->last_i8x32, narrow_row(row1, dim));
        acc2_i32x8 = add_products(acc2_i32x8, query->last_i8x32, narrow_row(row2, dim));
        acc3_i32x8 = add_products(acc3_i32x8, query->last_i8x32, narrow_row(row3, dim));
    } else if (d < dim) {
        d = dim - LANES;
        acc0_i32x8 = add_products(acc0_i32x8, query->last_i8x32, wide(row0 + d));
        acc1_i32x8 = add_products(acc1_i32x8, query->last_i8x32, wide(row1 + d));
        acc2_i32x8 = add_products(acc2_i32x8, query->last_i8x32, wide(row2 + d));
        acc3_i32x8 = add_products(acc3_i32x8, query->last_i8x32, wide(row3 + d));
    }
    __m256i sums_i32x8 = _mm256_hadd_epi32(_mm256_hadd_epi32(acc0_i32x8, acc1_i32x8),
                                           _mm256_hadd_epi32(acc2_i32x8, acc3_i32x8));
    return _mm_add_epi32(_mm256_castsi256_si128(sums_i32x8),
                         _mm256_extracti128_si256(sums_i32x8, 1));
}

#include "four_x86.h"

INLINE __m256 score_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                          size_t dim) {
    const int8_t *low = table->codes + start * dim, *high = low + 4 * dim;
    __m256i dot_i32x8 =
        _mm256_set_m128i(dot4(query, high, high + dim, high + 2 * dim, high + 3 * dim, dim),
                         dot4(query, low, low + dim, low + 2 * dim, low + 3 * dim, dim));
    __m256 score_f32x8 =
        _mm256_mul_ps(_mm256_cvtepi32_ps(dot_i32x8), _mm256_loadu_ps(table->scales + start));
    score_f32x8 = _mm256_mul_ps(score_f32x8, _mm256_set1_ps(query->scale));
    if (!table->offsets) return score_f32x8;
    return _mm256_add_ps(score_f32x8, _mm256_loadu_ps(table->offsets + start));
}

INLINE void offer_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                        unsigned bits, size_t dim, er_topk *top) {
    const __m256 score_f32x8 = score_group(query, table, start, dim);
    /* "not less than" lets NaN through, to be noted */
    __m256 enters = _mm256_cmp_ps(score_f32x8, _mm256_set1_ps(top->threshold), _CMP_NLT_UQ);
    bits &= (unsigned)_mm256_movemask_ps(enters);
    if (!bits) return;
    float score[GROUP];
    _mm256_storeu_ps(score, score_f32x8);
    er_topk_offer_group(top, score, bits, table->first_row + (int32_t)start);
}

/* With dim known at compile time its loops unroll: 1.3 times as fast for the usual widths. */
AVX2 void er_scan_i8_avx2(const er_query_i8 *query, const er_rows_i8 *table, const er_range *ranges,
                          size_t n_ranges, er_topk *top) {
    assert(table->dim <= ER_SCAN_MAX_DIM);
    const scan_query ready = prepare(query, table->dim);
    switch (table->dim) {
    case 64: walk(&ready, table, ranges, n_ranges, 64, top); break;
    case 128: walk(&ready, table, ranges, n_ranges, 128, top); break;
    default: walk(&ready, table, ranges, n_ranges, table->dim, top);
    }
}

#endif
