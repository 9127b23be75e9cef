/* Inner products of int8 rows that the AVX-512 VNNI implementations share. An implementation defines
 * INLINE (with its target) and includes this file. Nothing is read past a row: the tail is masked.
 */
#ifndef ER_SCAN_DOT_AVX512VNNI_H
#define ER_SCAN_DOT_AVX512VNNI_H

#include <immintrin.h>

#include "scan.h"
#include "sums_avx512.h"

enum { LANES = 64 }; /* codes a vector */

typedef struct {
    const int8_t *codes;
    float scale;
    __mmask64 last; /* the codes of the last, partial vector */
    int32_t offset; /* what 128 a code adds to every inner product: 128 * sum of the query */
} vnni_query;

INLINE vnni_query prepare(const er_query_i8 *query, size_t dim) {
    int32_t sum = 0;
    for (size_t d = 0; d < dim; d++) sum += query->codes[d];
    return (vnni_query){.codes = query->codes,
                        .scale = query->scale,
                        .last = (UINT64_C(1) << dim % LANES) - 1,
                        .offset = 128 * sum};
}

/* acc + (row + 128) * query. dpbusd wants one unsigned side, and adds without saturating: flipping
 * the row's top bit adds 128 to each code, and the sum's surplus is the same for every row. It may
 * wrap on the way; the difference is exact. */
INLINE __m512i add_products(__m512i acc_i32x16, __m512i query_i8x64, __m512i row_i8x64) {
    __m512i row_u8x64 = _mm512_xor_si512(row_i8x64, _mm512_set1_epi8(-128));
    return _mm512_dpbusd_epi32(acc_i32x16, row_u8x64, query_i8x64);
}

/* Inner products of four rows, in four parts each, the query's offset included. */
INLINE __m512i dot4_parts(const vnni_query *query, const int8_t *row0, const int8_t *row1,
                          const int8_t *row2, const int8_t *row3, size_t dim) {
    __m512i acc0_i32x16 = _mm512_setzero_si512(), acc1_i32x16 = acc0_i32x16;
    __m512i acc2_i32x16 = acc0_i32x16, acc3_i32x16 = acc0_i32x16;
    size_t d = 0;
    for (; d + LANES <= dim; d += LANES) {
        __m512i query_i8x64 = _mm512_loadu_si512(query->codes + d);
        acc0_i32x16 = add_products(acc0_i32x16, query_i8x64, _mm512_loadu_si512(row0 + d));
        acc1_i32x16 = add_products(acc1_i32x16, query_i8x64, _mm512_loadu_si512(row1 + d));
        acc2_i32x16 = add_products(acc2_i32x16, query_i8x64, _mm512_loadu_si512(row2 + d));
        acc3_i32x16 = add_products(acc3_i32x16, query_i8x64, _mm512_loadu_si512(row3 + d));
    }
    if (d < dim) { /* masked lanes are not read, and a query of 0 silences the flipped bit */
        __mmask64 last = query->last;
        __m512i query_i8x64 = _mm512_maskz_loadu_epi8(last, query->codes + d);
        acc0_i32x16 =
            add_products(acc0_i32x16, query_i8x64, _mm512_maskz_loadu_epi8(last, row0 + d));
        acc1_i32x16 =
            add_products(acc1_i32x16, query_i8x64, _mm512_maskz_loadu_epi8(last, row1 + d));
        acc2_i32x16 =
            add_products(acc2_i32x16, query_i8x64, _mm512_maskz_loadu_epi8(last, row2 + d));
        acc3_i32x16 =
            add_products(acc3_i32x16, query_i8x64, _mm512_maskz_loadu_epi8(last, row3 + d));
    }
    return sum_parts(acc0_i32x16, acc1_i32x16, acc2_i32x16, acc3_i32x16);
}

INLINE __m128i dot4(const vnni_query *query, const int8_t *row0, const int8_t *row1,
                    const int8_t *row2, const int8_t *row3, size_t dim) {
    __m512i parts = dot4_parts(query, row0, row1, row2, row3, dim);
    return _mm_sub_epi32(sum_of_parts(parts), _mm_set1_epi32(query->offset));
}

#endif
