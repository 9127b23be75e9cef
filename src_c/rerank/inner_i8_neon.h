/* The walk over chosen rows that the NEON implementations share; include it after the products of
 * int8 codes (scan/widen_neon.h or scan/dotprod_neon.h). */
#ifndef ER_INNER_I8_NEON_H
#define ER_INNER_I8_NEON_H

#include <string.h>

#include "inner_i8.h"

enum {
    AHEAD = 16, /* rows between prefetch and use */
    CACHE_LINE = 64,
};

/* All lines of a row, the last one too where the row starts within a line, and its scale. */
INLINE void fetch_row(const er_rows_i8 *table, size_t row, size_t dim) {
    const char *codes = (const char *)(table->codes + row * dim);
    for (size_t b = 0; b < dim; b += CACHE_LINE) __builtin_prefetch(codes + b);
    __builtin_prefetch(codes + dim - 1);
    __builtin_prefetch(table->scales + row);
    if (table->offsets) __builtin_prefetch(table->offsets + row);
}

INLINE float32x4_t pick4(const float *values, const int32_t rows[4]) {
    const float picked[4] = {values[rows[0]], values[rows[1]], values[rows[2]], values[rows[3]]};
    return vld1q_f32(picked);
}

INLINE float32x4_t score4(const neon_query *query, const er_rows_i8 *table, const int32_t rows[4],
                          size_t dim) {
    const int8_t *codes = table->codes;
    int32x4_t dot_i32x4 = dot4(query, codes + (size_t)rows[0] * dim, codes + (size_t)rows[1] * dim,
                               codes + (size_t)rows[2] * dim, codes + (size_t)rows[3] * dim, dim);
    float32x4_t score_f32x4 = score_products(dot_i32x4, pick4(table->scales, rows), query->scale);
    if (!table->offsets) return score_f32x4;
    return vaddq_f32(score_f32x4, pick4(table->offsets, rows));
}

INLINE void score_rows(const er_query_i8 *query, const er_rows_i8 *table, const int32_t *rows,
                       size_t m, float *out) {
    const size_t dim = table->dim;
    const neon_query ready = prepare(query, dim);
    for (size_t j = 0; j < m && j < AHEAD; j++) fetch_row(table, (size_t)rows[j], dim);
    size_t j = 0;
    for (; j + 4 <= m; j += 4) {
        for (size_t r = j + AHEAD; r < j + AHEAD + 4 && r < m; r++)
            fetch_row(table, (size_t)rows[r], dim);
        vst1q_f32(out + j, score4(&ready, table, rows + j, dim));
    }
    if (j == m) return;
    int32_t last[4] = {rows[j], rows[j], rows[j], rows[j]};
    float score[4];
    memcpy(last, rows + j, (m - j) * sizeof *rows);
    vst1q_f32(score, score4(&ready, table, last, dim));
    memcpy(out + j, score, (m - j) * sizeof *out);
}

#endif
