#if defined(__x86_64__)

#include <assert.h>
#include <immintrin.h>

#include "scan_many.h"

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"
#define VNNI   __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

er_scan_many_i8_fn er_scan_many_i8_avx512vnni;
er_scan_i8_fn er_scan_i8_avx512vnni;

#include "panels.h"

/* Sums keep one type from step to step: as __m512i, gcc 12 copies each of them in every step. */
typedef int32_t i32x16 __attribute__((vector_size(64)));

enum {
    LANES = 16,
    VECTORS = PANEL / LANES,
    FEW = 2, /* queries that pay one by one while the rows are in the cache */
};

/* Sixteen codes of four rows, which end up four lanes apart. */
INLINE __m512i four_rows(const int8_t *const rows[PART], size_t r, size_t d) {
    __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(rows[r] + d)));
    x = _mm512_mask_broadcast_i32x4(x, 0x00F0, _mm_loadu_si128((const __m128i *)(rows[r + 4] + d)));
    x = _mm512_mask_broadcast_i32x4(x, 0x0F00, _mm_loadu_si128((const __m128i *)(rows[r + 8] + d)));
    return _mm512_mask_broadcast_i32x4(x, 0xF000,
                                       _mm_loadu_si128((const __m128i *)(rows[r + 12] + d)));
}

INLINE __m128i load_end(__mmask16 valid, const int8_t *codes) {
    return _mm512_castsi512_si128(_mm512_maskz_loadu_epi8(valid, codes));
}

/* The same for fewer codes, zeros after them; nothing else is read. */
INLINE __m512i four_ends(const int8_t *const rows[PART], size_t r, size_t d, __mmask16 valid) {
    __m512i x = _mm512_castsi128_si512(load_end(valid, rows[r] + d));
    x = _mm512_inserti32x4(x, load_end(valid, rows[r + 4] + d), 1);
    x = _mm512_inserti32x4(x, load_end(valid, rows[r + 8] + d), 2);
    return _mm512_inserti32x4(x, load_end(valid, rows[r + 12] + d), 3);
}

/* Four words of sixteen rows, rows as lanes. Flipping the top bit makes codes unsigned, as dpbusd
 * wants one side; what that adds to a sum is the same for every row. */
INLINE void store_columns(int32_t *out, size_t count, __m512i x0, __m512i x1, __m512i x2,
                          __m512i x3) {
    __m512i flip = _mm512_set1_epi8(-128);
    __m512i low01 = _mm512_unpacklo_epi32(x0, x1), high01 = _mm512_unpackhi_epi32(x0, x1);
    __m512i low23 = _mm512_unpacklo_epi32(x2, x3), high23 = _mm512_unpackhi_epi32(x2, x3);
    __m512i column[4] = {_mm512_unpacklo_epi64(low01, low23), _mm512_unpackhi_epi64(low01, low23),
                         _mm512_unpacklo_epi64(high01, high23),
                         _mm512_unpackhi_epi64(high01, high23)};
#pragma GCC unroll 4
    for (size_t c = 0; c < 4; c++)
        if (c < count) _mm512_store_si512(out + c * PANEL, _mm512_xor_si512(column[c], flip));
}

INLINE void fill_panel(many_search *search, const int8_t *const rows[PART], size_t at) {
    size_t dim = search->table->dim, d = 0;
    int32_t *out = search->panel + at;
    for (; d + 16 <= dim; d += 16, out += 4 * PANEL)
        store_columns(out, 4, four_rows(rows, 0, d), four_rows(rows, 1, d), four_rows(rows, 2, d),
                      four_rows(rows, 3, d));
    if (d == dim) return;
    __mmask16 valid = (__mmask16)((1u << (dim - d)) - 1);
    store_columns(out, (dim - d + 3) / 4, four_ends(rows, 0, d, valid),
                  four_ends(rows, 1, d, valid), four_ends(rows, 2, d, valid),
                  four_ends(rows, 3, d, valid));
}

/* What is compared with the limits: scores, or what the query's scale is still missing from. */
INLINE __m512 values_of(const many_search *search, __m512i sums_i32x16, size_t v, size_t id) {
    __m512 x =
        _mm512_mul_ps(_mm512_cvtepi32_ps(sums_i32x16), _mm512_loadu_ps(search->scales + v * LANES));
    if (!search->table->offsets) return x;
    x = _mm512_mul_ps(x, _mm512_set1_ps(search->queries->scales[id]));
    return _mm512_add_ps(x, _mm512_loadu_ps(search->offsets + v * LANES));
}

INLINE void score(many_search *search, const panel_rows *rows, const size_t ids[TILE], size_t count,
                  const size_t width, const size_t vectors) {
    const int32_t *query[TILE], *panel = search->panel;
    i32x16 sums[TILE][VECTORS];
#pragma GCC unroll 4
    for (size_t j = 0; j < width; j++) {
        query[j] = search->query_codes + ids[j] * (search->steps + 1);
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            sums[j][v] = (i32x16)_mm512_set1_epi32(query[j][search->steps]);
    }
    for (size_t s = 0; s < search->steps; s++, panel += PANEL) {
        __m512i row[VECTORS];
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++) row[v] = _mm512_load_si512(panel + v * LANES);
#pragma GCC unroll 4
        for (size_t j = 0; j < width; j++) {
            __m512i codes = _mm512_set1_epi32(query[j][s]);
#pragma GCC unroll 4
            for (size_t v = 0; v < vectors; v++)
                sums[j][v] = (i32x16)_mm512_dpbusd_epi32((__m512i)sums[j][v], row[v], codes);
        }
    }
    __m512 values[TILE][VECTORS];
    unsigned enters[TILE], any = !search->finite;
#pragma GCC unroll 4
    for (size_t j = 0; j < width; j++) {
        __m512 best;
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++) {
            values[j][v] = values_of(search, (__m512i)sums[j][v], v, ids[j]);
            best = v ? _mm512_max_ps(best, values[j][v]) : values[j][v];
        }
        enters[j] = _mm512_cmp_ps_mask(best, _mm512_set1_ps(search->limits[ids[j]]), _CMP_NLT_UQ);
        any |= enters[j];
    }
    if (!any) return;
    for (size_t j = 0; j < width; j++) {
        if (j >= count || !(enters[j] || !search->finite)) continue;
        __m512 limit = _mm512_set1_ps(search->limits[ids[j]]);
        float spilled[PANEL];
        uint64_t bits = 0;
        for (size_t v = 0; v < vectors; v++) {
            _mm512_storeu_ps(spilled + v * LANES, values[j][v]);
            bits |= (uint64_t)_mm512_cmp_ps_mask(values[j][v], limit, _CMP_NLT_UQ) << v * LANES;
        }
        offer_values(search, rows, 0, ids[j], spilled, bits);
    }
}

INLINE void score_tile(many_search *search, const panel_rows *rows, const size_t ids[TILE],
                       size_t count) {
    bool half = rows->n <= PANEL / 2;
    if (count == 1)
        half ? score(search, rows, ids, count, 1, VECTORS / 2)
             : score(search, rows, ids, count, 1, VECTORS);
    else if (count == 2)
        half ? score(search, rows, ids, count, 2, VECTORS / 2)
             : score(search, rows, ids, count, 2, VECTORS);
    else
        half ? score(search, rows, ids, count, TILE, VECTORS / 2)
             : score(search, rows, ids, count, TILE, VECTORS);
}

/* The codes of each query, and at the end what takes the rows' flipped bits out of its sums. */
static void pack_queries(many_search *search) {
    size_t dim = search->table->dim;
    for (size_t q = 0; q < search->queries->n; q++) {
        const int8_t *codes = search->queries->codes + q * dim;
        int32_t *out = search->query_codes + q * (search->steps + 1), sum = 0;
        memset(out, 0, search->steps * sizeof(int32_t));
        memcpy(out, codes, dim);
        for (size_t d = 0; d < dim; d++) sum += codes[d];
        out[search->steps] = -128 * sum;
    }
}

VNNI void er_scan_many_i8_avx512vnni(const er_queries_i8 *queries, const er_rows_i8 *table,
                                     const er_range *ranges, size_t n_ranges,
                                     const er_lookups *lookups, void *scratch, er_topk *tops) {
    assert(table->dim <= ER_SCAN_MAX_DIM);
    if (is_done_singly(queries, table, ranges, n_ranges, lookups, FEW)) {
        search_singly(er_scan_i8_avx512vnni, queries, table, ranges, n_ranges, tops);
        return;
    }
    many_search search = {.queries = queries,
                          .table = table,
                          .ranges = ranges,
                          .lookups = lookups,
                          .tops = tops,
                          .steps = (table->dim + 3) / 4};
    search.panel = scratch;
    search.query_codes = search.panel + search.steps * PANEL;
    search.limits = (float *)(search.query_codes + queries->n * (search.steps + 1));
    pack_queries(&search);
    search_panels(&search, n_ranges);
}

#endif
