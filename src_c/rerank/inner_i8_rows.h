/* The walk over chosen rows that the x86 implementations share. An implementation defines INLINE
 * (with its target), its row_query (with a float `scale`) and dot4(), and includes this file. */
#ifndef ER_INNER_I8_ROWS_H
#define ER_INNER_I8_ROWS_H

#include <string.h>

#include "inner_i8.h"

enum {
    AHEAD = 16, /* rows between prefetch and use; measured: 8 to 24 are alike */
    CACHE_LINE = 64,
};

/* Inner products of the query with four rows. */
INLINE __m128i dot4(const row_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim);

/* All lines of a row, the last one too where the row starts within a line, and its scale. */
INLINE void fetch_row(const er_rows_i8 *table, size_t row, size_t dim) {
    const char *codes = (const char *)(table->codes + row * dim);
    for (size_t b = 0; b < dim; b += CACHE_LINE) __builtin_prefetch(codes + b);
    if (dim) __builtin_prefetch(codes + dim - 1);
    __builtin_prefetch(table->scales + row);
    if (table->offsets) __builtin_prefetch(table->offsets + row);
}

INLINE __m128 pick4(const float *values, const int32_t rows[4]) {
    return _mm_setr_ps(values[rows[0]], values[rows[1]], values[rows[2]], values[rows[3]]);
}

INLINE __m128 score4(const row_query *query, const er_rows_i8 *table, const int32_t rows[4],
                     size_t dim) {
    const int8_t *codes = table->codes;
    __m128i dot_i32x4 = dot4(query, codes + (size_t)rows[0] * dim, codes + (size_t)rows[1] * dim,
                             codes + (size_t)rows[2] * dim, codes + (size_t)rows[3] * dim, dim);
    __m128 score_f32x4 = _mm_mul_ps(_mm_cvtepi32_ps(dot_i32x4), pick4(table->scales, rows));
    score_f32x4 = _mm_mul_ps(score_f32x4, _mm_set1_ps(query->scale));
    if (!table->offsets) return score_f32x4;
    return _mm_add_ps(score_f32x4, pick4(table->offsets, rows));
}

INLINE void score_rows(const row_query *query, const er_rows_i8 *table, const int32_t *rows,
                       size_t m, size_t dim, float *out) {
    for (size_t j = 0; j < m && j < AHEAD; j++) fetch_row(table, (size_t)rows[j], dim);
    size_t j = 0;
    for (; j + 4 <= m; j += 4) {
        for (size_t r = j + AHEAD; r < j + AHEAD + 4 && r < m; r++)
            fetch_row(table, (size_t)rows[r], dim);
        _mm_storeu_ps(out + j, score4(query, table, rows + j, dim));
    }
    if (j == m) return;
    int32_t last[4] = {rows[j], rows[j], rows[j], rows[j]};
    float score[4];
    memcpy(last, rows + j, (m - j) * sizeof *rows);
    _mm_storeu_ps(score, score4(query, table, last, dim));
    memcpy(out + j, score, (m - j) * sizeof *out);
}

#endif
