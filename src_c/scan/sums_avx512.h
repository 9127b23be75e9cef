/* Sums over the lanes of several accumulators, as a transposition that adds on the way. An
 * implementation defines INLINE (with its target) and includes this file. */
#ifndef ER_SUMS_AVX512_H
#define ER_SUMS_AVX512_H

#include <immintrin.h>

/* Lane 4 * j + r holds the j-th part of the sum of acc<r>. */
INLINE __m512i sum_parts(__m512i acc0, __m512i acc1, __m512i acc2, __m512i acc3) {
    __m512i sum01 =
        _mm512_add_epi32(_mm512_unpacklo_epi32(acc0, acc1), _mm512_unpackhi_epi32(acc0, acc1));
    __m512i sum23 =
        _mm512_add_epi32(_mm512_unpacklo_epi32(acc2, acc3), _mm512_unpackhi_epi32(acc2, acc3));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(sum01, sum23),
                            _mm512_unpackhi_epi64(sum01, sum23));
}

/* The four sums of such parts. */
INLINE __m128i sum_of_parts(__m512i parts) {
    __m256i halves =
        _mm256_add_epi32(_mm512_castsi512_si256(parts), _mm512_extracti64x4_epi64(parts, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

/* The sixteen sums of four such parts. */
INLINE __m512i sums_of_parts(const __m512i parts[4]) {
    __m512i sum01 = _mm512_add_epi32(_mm512_shuffle_i32x4(parts[0], parts[1], 0x88),
                                     _mm512_shuffle_i32x4(parts[0], parts[1], 0xDD));
    __m512i sum23 = _mm512_add_epi32(_mm512_shuffle_i32x4(parts[2], parts[3], 0x88),
                                     _mm512_shuffle_i32x4(parts[2], parts[3], 0xDD));
    return _mm512_add_epi32(_mm512_shuffle_i32x4(sum01, sum23, 0x88),
                            _mm512_shuffle_i32x4(sum01, sum23, 0xDD));
}

#endif
