/* Scores of four rows from anywhere, as the x86 implementations find them. An implementation defines
 * what walk.h wants but for score_four(), and dot4() beside it, and includes this file.
 */
#ifndef ER_SCAN_FOUR_X86_H
#define ER_SCAN_FOUR_X86_H

#include "walk.h"

/* Inner products of the query with four rows. */
INLINE __m128i dot4(const scan_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim);

INLINE __m128 pick_four(const float *values, const uint32_t rows[4]) {
    return _mm_setr_ps(values[rows[0]], values[rows[1]], values[rows[2]], values[rows[3]]);
}

INLINE unsigned score_four(const scan_query *query, const er_rows_i8 *table, const uint32_t rows[4],
                           float threshold, size_t dim, float score[4]) {
    const int8_t *codes = table->codes;
    __m128i dot_i32x4 = dot4(query, codes + rows[0] * dim, codes + rows[1] * dim,
                             codes + rows[2] * dim, codes + rows[3] * dim, dim);
    __m128 score_f32x4 = _mm_mul_ps(_mm_cvtepi32_ps(dot_i32x4), pick_four(table->scales, rows));
    score_f32x4 = _mm_mul_ps(score_f32x4, _mm_set1_ps(query->scale));
    if (table->offsets) score_f32x4 = _mm_add_ps(score_f32x4, pick_four(table->offsets, rows));
    _mm_storeu_ps(score, score_f32x4);
    return (unsigned)_mm_movemask_ps(_mm_cmpnlt_ps(score_f32x4, _mm_set1_ps(threshold)));
}

#endif
