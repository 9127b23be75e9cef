/* The NEON implementations of the scan; include it after the products of int8 codes (widen_neon.h or
 * dotprod_neon.h).
 */
#ifndef ER_SCAN_WALK_NEON_H
#define ER_SCAN_WALK_NEON_H

#include <assert.h>

enum { GROUP = 8 }; /* rows scored together: two vectors of scores */

typedef neon_query scan_query;

#include "walk.h"

/* Bit r: score r is not below the threshold; NaN is not. */
INLINE unsigned entering(float32x4_t score_f32x4, float threshold) {
    static const uint32_t place[4] = {1, 2, 4, 8};
    uint32x4_t below_u32x4 = vcltq_f32(score_f32x4, vdupq_n_f32(threshold));
    return vaddvq_u32(vbicq_u32(vld1q_u32(place), below_u32x4));
}

INLINE float32x4_t pick_four(const float *values, const uint32_t rows[4]) {
    const float picked[4] = {values[rows[0]], values[rows[1]], values[rows[2]], values[rows[3]]};
    return vld1q_f32(picked);
}

INLINE unsigned score_four(const scan_query *query, const er_rows_i8 *table, const uint32_t rows[4],
                           float threshold, size_t dim, float score[4]) {
    const int8_t *codes = table->codes;
    int32x4_t dot_i32x4 = dot4(query, codes + rows[0] * dim, codes + rows[1] * dim,
                               codes + rows[2] * dim, codes + rows[3] * dim, dim);
    float32x4_t score_f32x4 =
        score_products(dot_i32x4, pick_four(table->scales, rows), query->scale);
    if (table->offsets) score_f32x4 = vaddq_f32(score_f32x4, pick_four(table->offsets, rows));
    vst1q_f32(score, score_f32x4);
    return entering(score_f32x4, threshold);
}

/* The same for four rows that follow each other. */
INLINE unsigned score_next_four(const scan_query *query, const er_rows_i8 *table, size_t start,
                                float threshold, size_t dim, float score[4]) {
    const int8_t *row = table->codes + start * dim;
    int32x4_t dot_i32x4 = dot4(query, row, row + dim, row + 2 * dim, row + 3 * dim, dim);
    float32x4_t score_f32x4 =
        score_products(dot_i32x4, vld1q_f32(table->scales + start), query->scale);
    if (table->offsets) score_f32x4 = vaddq_f32(score_f32x4, vld1q_f32(table->offsets + start));
    vst1q_f32(score, score_f32x4);
    return entering(score_f32x4, threshold);
}

INLINE void offer_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                        unsigned bits, size_t dim, er_topk *top) {
    float score[GROUP];
    unsigned low = score_next_four(query, table, start, top->threshold, dim, score);
    unsigned high = score_next_four(query, table, start + 4, top->threshold, dim, score + 4);
    bits &= low | high << 4;
    if (bits) er_topk_offer_group(top, score, bits, table->first_row + (int32_t)start);
}

/* With dim known at compile time its loops unroll. At least LANES codes a row. */
INLINE void scan(const er_query_i8 *query, const er_rows_i8 *table, const er_range *ranges,
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
