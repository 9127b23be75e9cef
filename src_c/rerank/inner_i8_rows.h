/* The walk over chosen rows that the x86 implementations share. An implementation defines INLINE
 * (with its target), its row_query (with a float `scale`) and dot4(), and includes this file. */
#ifndef ER_INNER_I8_ROWS_H
#define ER_INNER_I8_ROWS_H

#include <string.h>

#include "../fetch.h"
#include "inner_i8.h"

/* Inner products of the query with four rows. */
INLINE __m128i dot4(const row_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim);

/* The codes, scale and offset of a row into the second cache. */
INLINE void fetch_far(const er_rows_i8 *table, size_t row, size_t dim, er_fetch how) {
    er_fetch_far(table->codes + row * dim, how);
    __builtin_prefetch(table->scales + row, 0, 2);
    if (table->offsets) __builtin_prefetch(table->offsets + row, 0, 2);
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
    er_fetch how = er_fetch_of(table->codes, dim, dim);
    for (size_t j = 0; j < m && j < ER_FAR; j++) fetch_far(table, (size_t)rows[j], dim, how);
    size_t j = 0;
    for (; j + 4 <= m; j += 4) {
        for (size_t r = j + ER_FAR; r < j + ER_FAR + 4 && r < m; r++)
            fetch_far(table, (size_t)rows[r], dim, how);
        for (size_t r = j + ER_NEAR; r < j + ER_NEAR + 4 && r < m; r++)
            er_fetch_near(table->codes + (size_t)rows[r] * dim, how);
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
