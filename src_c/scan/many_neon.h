/* The NEON implementations of the search for many queries; include it after the products of int8
 * codes (widen_neon.h or dotprod_neon.h).
 */
#ifndef ER_SCAN_MANY_NEON_H
#define ER_SCAN_MANY_NEON_H

#include <assert.h>

#include "panels.h"

enum {
    ROWS = 4,              /* lanes: words of four codes, each of another row */
    VECTORS = PART / ROWS, /* that are scored together */
};

/* Up to four words of four rows, rows as lanes. */
INLINE void store_columns(int32_t *out, size_t count, const int8_t *row0, const int8_t *row1,
                          const int8_t *row2, const int8_t *row3) {
    int32x4_t x0_i32x4 = vreinterpretq_s32_s8(vld1q_s8(row0));
    int32x4_t x1_i32x4 = vreinterpretq_s32_s8(vld1q_s8(row1));
    int32x4_t x2_i32x4 = vreinterpretq_s32_s8(vld1q_s8(row2));
    int32x4_t x3_i32x4 = vreinterpretq_s32_s8(vld1q_s8(row3));
    int64x2_t even01_i64x2 = vreinterpretq_s64_s32(vtrn1q_s32(x0_i32x4, x1_i32x4));
    int64x2_t even23_i64x2 = vreinterpretq_s64_s32(vtrn1q_s32(x2_i32x4, x3_i32x4));
    int64x2_t odd01_i64x2 = vreinterpretq_s64_s32(vtrn2q_s32(x0_i32x4, x1_i32x4));
    int64x2_t odd23_i64x2 = vreinterpretq_s64_s32(vtrn2q_s32(x2_i32x4, x3_i32x4));
    const int64x2_t columns[4] = {vtrn1q_s64(even01_i64x2, even23_i64x2),
                                  vtrn1q_s64(odd01_i64x2, odd23_i64x2),
                                  vtrn2q_s64(even01_i64x2, even23_i64x2),
                                  vtrn2q_s64(odd01_i64x2, odd23_i64x2)};
#pragma GCC unroll 4
    for (size_t c = 0; c < 4; c++)
        if (c < count) vst1q_s32(out + c * PANEL, vreinterpretq_s32_s64(columns[c]));
}

/* The last codes of four rows, zeros after them; nothing else is read. */
INLINE void store_ends(int32_t *out, const int8_t *const *rows, size_t d, size_t n) {
    int8_t ends[ROWS][LANES] = {{0}};
    for (size_t r = 0; r < ROWS; r++) memcpy(ends[r], rows[r] + d, n);
    store_columns(out, (n + 3) / 4, ends[0], ends[1], ends[2], ends[3]);
}

INLINE void fill_panel(many_search *search, const int8_t *const rows[PART], size_t at) {
    size_t dim = search->table->dim;
    for (size_t v = 0; v < VECTORS; v++, rows += ROWS) {
        int32_t *out = search->panel + at + v * ROWS;
        size_t d = 0;
        for (; d + LANES <= dim; d += LANES, out += 4 * PANEL)
            store_columns(out, 4, rows[0] + d, rows[1] + d, rows[2] + d, rows[3] + d);
        if (d < dim) store_ends(out, rows, d, dim - d);
    }
}

/* What is compared with the limits: scores, or what the query's scale is still missing from. */
INLINE float32x4_t values_of(const many_search *search, int32x4_t sum_i32x4, size_t at, size_t id) {
    float32x4_t x_f32x4 = vmulq_f32(vcvtq_f32_s32(sum_i32x4), vld1q_f32(search->scales + at));
    if (!search->table->offsets) return x_f32x4;
    x_f32x4 = vmulq_n_f32(x_f32x4, search->queries->scales[id]);
    return vaddq_f32(x_f32x4, vld1q_f32(search->offsets + at));
}

/* Bit r: value r is not below the limit; NaN is not. */
INLINE uint64_t entering(float32x4_t value_f32x4, float32x4_t limit_f32x4) {
    static const uint32_t place[ROWS] = {1, 2, 4, 8};
    return vaddvq_u32(vbicq_u32(vld1q_u32(place), vcltq_f32(value_f32x4, limit_f32x4)));
}

/* One query's sums of PART rows: offer those that may enter. */
INLINE void offer_sums(many_search *search, const panel_rows *rows, size_t at, size_t id,
                       const int32x4_t sums[VECTORS]) {
    float values[PART];
    uint64_t bits = 0;
    float32x4_t limit_f32x4 = vdupq_n_f32(search->limits[id]);
#pragma GCC unroll 4
    for (size_t v = 0; v < VECTORS; v++) {
        float32x4_t value_f32x4 = values_of(search, sums[v], at + v * ROWS, id);
        bits |= entering(value_f32x4, limit_f32x4) << v * ROWS;
        vst1q_f32(values + v * ROWS, value_f32x4);
    }
    if (bits) offer_values(search, rows, at, id, values, bits);
}

/* Sixteen rows from place `at` on, for `width` queries, a number known to the compiler. */
INLINE void score(many_search *search, const panel_rows *rows, size_t at, const size_t ids[TILE],
                  size_t count, size_t width) {
    const int32_t *query[TILE], *panel = search->panel + at;
    int32x4_t sums[TILE][VECTORS];
#pragma GCC unroll 4
    for (size_t j = 0; j < width; j++) {
        query[j] = search->query_codes + ids[j] * search->steps;
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++) sums[j][v] = vdupq_n_s32(0);
    }
    for (size_t s = 0; s < search->steps; s++, panel += PANEL) {
        int8x16_t row_i8x16[VECTORS];
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++)
            row_i8x16[v] = vreinterpretq_s8_s32(vld1q_s32(panel + v * ROWS));
#pragma GCC unroll 4
        for (size_t j = 0; j < width; j++) {
            int8x16_t codes_i8x16 = vreinterpretq_s8_s32(vdupq_n_s32(query[j][s]));
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; v++)
                sums[j][v] = add_quads(sums[j][v], row_i8x16[v], codes_i8x16);
        }
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < width; j++)
        if (j < count) offer_sums(search, rows, at, ids[j], sums[j]);
}

INLINE void score_tile(many_search *search, const panel_rows *rows, const size_t ids[TILE],
                       size_t count) {
    for (size_t at = 0; at < rows->n; at += PART) switch (count) {
        case 1: score(search, rows, at, ids, count, 1); break;
        case 2: score(search, rows, at, ids, count, 2); break;
        default: score(search, rows, at, ids, count, TILE);
        }
}

INLINE void search_many(const er_queries_i8 *queries, const er_rows_i8 *table,
                        const er_range *ranges, size_t n_ranges, const er_lookups *lookups,
                        void *scratch, er_topk *tops) {
    assert(table->dim <= ER_SCAN_MAX_DIM);
    size_t dim = table->dim;
    many_search search = {.queries = queries,
                          .table = table,
                          .ranges = ranges,
                          .lookups = lookups,
                          .tops = tops,
                          .steps = (dim + 3) / 4};
    search.panel = scratch;
    search.query_codes = search.panel + search.steps * PANEL;
    search.limits = (float *)(search.query_codes + queries->n * search.steps);
    memset(search.query_codes, 0, queries->n * search.steps * sizeof(int32_t));
    for (size_t q = 0; q < queries->n; q++)
        memcpy(search.query_codes + q * search.steps, queries->codes + q * dim, dim);
    search_panels(&search, n_ranges);
}

#endif
