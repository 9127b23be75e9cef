#if defined(__x86_64__)

#include <assert.h>
#include <immintrin.h>

#include "scan.h"

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"
#define VNNI   __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

enum { GROUP = 16 }; /* rows scored together: one vector of scores */

er_scan_i8_fn er_scan_i8_avx512vnni;

#include "dot_avx512vnni.h"

typedef vnni_query scan_query;

#include "four_x86.h"

/* Inner products of sixteen successive rows. */
INLINE __m512i dot16(const scan_query *query, const int8_t *rows, size_t dim) {
    __m512i parts[4];
    for (size_t q = 0; q < 4; q++) {
        const int8_t *row = rows + 4 * q * dim;
        parts[q] = dot4_parts(query, row, row + dim, row + 2 * dim, row + 3 * dim, dim);
    }
    return _mm512_sub_epi32(sums_of_parts(parts), _mm512_set1_epi32(query->offset));
}

INLINE __m512 score_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                          size_t dim) {
    __m512 score_f32x16 = _mm512_cvtepi32_ps(dot16(query, table->codes + start * dim, dim));
    score_f32x16 = _mm512_mul_ps(score_f32x16, _mm512_loadu_ps(table->scales + start));
    score_f32x16 = _mm512_mul_ps(score_f32x16, _mm512_set1_ps(query->scale));
    if (!table->offsets) return score_f32x16;
    return _mm512_add_ps(score_f32x16, _mm512_loadu_ps(table->offsets + start));
}

INLINE void offer_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                        unsigned bits, size_t dim, er_topk *top) {
    const __m512 score_f32x16 = score_group(query, table, start, dim);
    /* "not less than" lets NaN through, to be noted */
    bits = _mm512_mask_cmp_ps_mask((__mmask16)bits, score_f32x16, _mm512_set1_ps(top->threshold),
                                   _CMP_NLT_UQ);
    if (!bits) return;
    float score[GROUP];
    _mm512_storeu_ps(score, score_f32x16);
    er_topk_offer_group(top, score, bits, table->first_row + (int32_t)start);
}

/* With dim known at compile time its loops unroll. */
VNNI void er_scan_i8_avx512vnni(const er_query_i8 *query, const er_rows_i8 *table,
                                const er_range *ranges, size_t n_ranges, er_topk *top) {
    assert(table->dim <= ER_SCAN_MAX_DIM);
    const scan_query ready = prepare(query, table->dim);
    switch (table->dim) {
    case 64: walk(&ready, table, ranges, n_ranges, 64, top); break;
    case 128: walk(&ready, table, ranges, n_ranges, 128, top); break;
    default: walk(&ready, table, ranges, n_ranges, table->dim, top);
    }
}

#endif
