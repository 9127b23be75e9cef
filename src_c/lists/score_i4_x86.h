/* The way over rows of four-bit codes that the x86 implementations share. An implementation defines
 * INLINE (with its target) and i4_query (with `half`, the bytes of a row, and the floats and ints
 * used here), and includes this file. */
#ifndef ER_SCORE_I4_X86_H
#define ER_SCORE_I4_X86_H

#include <immintrin.h>
#include <string.h>

#include "score_i4.h"

/* Sums of query * nibble of four rows. */
INLINE __m128i dot4(const i4_query *query, const uint8_t *const rows[4]);

/* What the nibbles, which are 8 more than the codes, add to every product. */
INLINE int32_t surplus_of(const er_query_i8 *query, size_t dim) {
    int32_t sum = 0;
    for (size_t d = 0; d < dim; d++) sum += query->codes[d];
    return ER_I4_ZERO * sum;
}

/* Scores of n <= 4 rows from row i on. */
INLINE void score_few(const i4_query *query, const er_rows_i4 *table, size_t i, size_t n,
                      float *scores) {
    const uint8_t *rows[4];
    float scale[4], offset[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (size_t r = 0; r < 4; r++) {
        const size_t row = i + (r < n ? r : 0);
        rows[r] = table->codes + row * query->half;
        scale[r] = table->scales[row];
        if (table->offsets) offset[r] = table->offsets[row];
    }
    const __m128i dot_i32x4 = _mm_sub_epi32(dot4(query, rows), _mm_set1_epi32(query->surplus));
    __m128 score_f32x4 = _mm_mul_ps(_mm_cvtepi32_ps(dot_i32x4), _mm_loadu_ps(scale));
    score_f32x4 = _mm_mul_ps(score_f32x4, _mm_set1_ps(query->scale));
    if (table->offsets) score_f32x4 = _mm_add_ps(score_f32x4, _mm_loadu_ps(offset));
    float score[4];
    _mm_storeu_ps(score, score_f32x4);
    memcpy(scores, score, n * sizeof *score);
}

#endif
