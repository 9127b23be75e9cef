#if defined(__x86_64__)

#include <assert.h>
#include <immintrin.h>

#include "scan_many.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

er_scan_many_i8_fn er_scan_many_i8_avx2;
er_scan_i8_fn er_scan_i8_avx2;

#include "panels.h"

enum {
    LANES = 8,
    VECTORS = PART / LANES,
    FEW = 7, /* queries that pay one by one while the rows are in the cache */
};

INLINE __m256i two_rows(const int8_t *low, const int8_t *high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)low)),
                                   _mm_loadu_si128((const __m128i *)high), 1);
}

/* A word of four codes becomes two words of two int16, the even and the odd ones: pmaddwd adds two
 * products exactly, where pmaddubs would take a sign's move for every query. */
INLINE void store_column(int32_t *out, __m256i codes_i8x32) {
    __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(codes_i8x32, 8), 8);
    _mm256_store_si256((__m256i *)out, even);
    _mm256_store_si256((__m256i *)(out + PART), _mm256_srai_epi16(codes_i8x32, 8));
}

/* Up to four words of eight rows, rows as lanes. */
INLINE void store_columns(int32_t *out, size_t count, __m256i x0, __m256i x1, __m256i x2,
                          __m256i x3) {
    __m256i low01 = _mm256_unpacklo_epi32(x0, x1), high01 = _mm256_unpackhi_epi32(x0, x1);
    __m256i low23 = _mm256_unpacklo_epi32(x2, x3), high23 = _mm256_unpackhi_epi32(x2, x3);
    store_column(out, _mm256_unpacklo_epi64(low01, low23));
    if (count > 1) store_column(out + 2 * PART, _mm256_unpackhi_epi64(low01, low23));
    if (count > 2) store_column(out + 4 * PART, _mm256_unpacklo_epi64(high01, high23));
    if (count > 3) store_column(out + 6 * PART, _mm256_unpackhi_epi64(high01, high23));
}

/* The last codes of eight rows, zeros after them; nothing else is read. */
AVX2 static void store_ends(int32_t *out, const int8_t *const *rows, size_t d, size_t n) {
    int8_t ends[LANES][16] = {{0}};
    for (size_t r = 0; r < LANES; r++) memcpy(ends[r], rows[r] + d, n);
    store_columns(out, (n + 3) / 4, two_rows(ends[0], ends[4]), two_rows(ends[1], ends[5]),
                  two_rows(ends[2], ends[6]), two_rows(ends[3], ends[7]));
}

INLINE void fill_panel(many_search *search, const int8_t *const rows[PART], size_t at) {
    size_t dim = search->table->dim;
    for (size_t v = 0; v < VECTORS; v++, rows += LANES) {
        int32_t *out = search->panel + at * search->steps + v * LANES;
        size_t d = 0;
        for (; d + 16 <= dim; d += 16, out += 8 * PART)
            store_columns(out, 4, two_rows(rows[0] + d, rows[4] + d),
                          two_rows(rows[1] + d, rows[5] + d), two_rows(rows[2] + d, rows[6] + d),
                          two_rows(rows[3] + d, rows[7] + d));
        if (d < dim) store_ends(out, rows, d, dim - d);
    }
}

/* What is compared with the limits: scores, or what the query's scale is still missing from. */
INLINE __m256 values_of(const many_search *search, __m256i sums_i32x8, size_t at, size_t id) {
    __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(sums_i32x8), _mm256_loadu_ps(search->scales + at));
    if (!search->table->offsets) return x;
    x = _mm256_mul_ps(x, _mm256_set1_ps(search->queries->scales[id]));
    return _mm256_add_ps(x, _mm256_loadu_ps(search->offsets + at));
}

/* Sixteen rows from place `at` on. */
INLINE void score(many_search *search, const panel_rows *rows, size_t at, const size_t ids[TILE],
                  size_t count, const size_t width) {
    const int32_t *query[TILE], *panel = search->panel + at * search->steps;
    __m256i sums[TILE][VECTORS];
#pragma GCC unroll 4
    for (size_t j = 0; j < width; j++) {
        query[j] = search->query_codes + ids[j] * (search->steps + 1);
        sums[j][0] = sums[j][1] = _mm256_setzero_si256();
    }
    for (size_t s = 0; s < search->steps; s++, panel += PART) {
        __m256i row0 = _mm256_load_si256((const __m256i *)panel);
        __m256i row1 = _mm256_load_si256((const __m256i *)(panel + LANES));
#pragma GCC unroll 4
        for (size_t j = 0; j < width; j++) {
            __m256i codes = _mm256_set1_epi32(query[j][s]);
            sums[j][0] = _mm256_add_epi32(sums[j][0], _mm256_madd_epi16(row0, codes));
            sums[j][1] = _mm256_add_epi32(sums[j][1], _mm256_madd_epi16(row1, codes));
        }
    }
    __m256 values[TILE][VECTORS], enters[TILE], any = _mm256_setzero_ps();
#pragma GCC unroll 4
    for (size_t j = 0; j < width; j++) {
        values[j][0] = values_of(search, sums[j][0], at, ids[j]);
        values[j][1] = values_of(search, sums[j][1], at + LANES, ids[j]);
        enters[j] = _mm256_cmp_ps(_mm256_max_ps(values[j][0], values[j][1]),
                                  _mm256_set1_ps(search->limits[ids[j]]), _CMP_NLT_UQ);
        any = _mm256_or_ps(any, enters[j]);
    }
    if (_mm256_testz_ps(any, any) && search->finite) return;
    for (size_t j = 0; j < width; j++) {
        if (j >= count || (_mm256_testz_ps(enters[j], enters[j]) && search->finite)) continue;
        __m256 limit = _mm256_set1_ps(search->limits[ids[j]]);
        float spilled[PART];
        uint64_t bits = 0;
        for (size_t v = 0; v < VECTORS; v++) {
            _mm256_storeu_ps(spilled + v * LANES, values[j][v]);
            __m256 enters_f32x8 = _mm256_cmp_ps(values[j][v], limit, _CMP_NLT_UQ);
            bits |= (uint64_t)_mm256_movemask_ps(enters_f32x8) << v * LANES;
        }
        offer_values(search, rows, at, ids[j], spilled, bits);
    }
}

INLINE void score_tile(many_search *search, const panel_rows *rows, const size_t ids[TILE],
                       size_t count) {
    for (size_t at = 0; at < rows->n; at += PART) switch (count) {
        case 1: score(search, rows, at, ids, count, 1); break;
        case 2: score(search, rows, at, ids, count, 2); break;
        default: score(search, rows, at, ids, count, TILE);
        }
}

static int32_t word_of(int8_t low, int8_t high) {
    return (int32_t)((uint32_t)(uint16_t)low | (uint32_t)(uint16_t)high << 16);
}

/* The codes of each query as int16, in the order of the panel's. */
static void pack_queries(many_search *search) {
    size_t dim = search->table->dim;
    for (size_t q = 0; q < search->queries->n; q++) {
        const int8_t *codes = search->queries->codes + q * dim;
        int32_t *out = search->query_codes + q * (search->steps + 1);
        for (size_t d = 0; d < dim; d += 4) {
            int8_t four[4] = {0};
            memcpy(four, codes + d, dim - d < 4 ? dim - d : 4);
            *out++ = word_of(four[0], four[2]);
            *out++ = word_of(four[1], four[3]);
        }
    }
}

AVX2 void er_scan_many_i8_avx2(const er_queries_i8 *queries, const er_rows_i8 *table,
                               const er_range *ranges, size_t n_ranges, const er_lookups *lookups,
                               void *scratch, er_topk *tops) {
    assert(table->dim <= ER_SCAN_MAX_DIM);
    if (is_done_singly(queries, table, ranges, n_ranges, lookups, FEW)) {
        search_singly(er_scan_i8_avx2, queries, table, ranges, n_ranges, tops);
        return;
    }
    many_search search = {.queries = queries,
                          .table = table,
                          .ranges = ranges,
                          .lookups = lookups,
                          .tops = tops,
                          .steps = 2 * ((table->dim + 3) / 4)};
    search.panel = scratch;
    search.query_codes = search.panel + search.steps * PANEL;
    search.limits = (float *)(search.query_codes + queries->n * (search.steps + 1));
    pack_queries(&search);
    search_panels(&search, n_ranges);
}

#endif
