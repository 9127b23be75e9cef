#if defined(__x86_64__)

#include <immintrin.h>

#include "bitmap.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vpopcntdq")))

enum { WIDTH = 64 };

er_count_b1_fn er_count_b1_avx512vpopcntdq;

AVX512 void er_count_b1_avx512vpopcntdq(const uint8_t *set, size_t bytes, size_t *count) {
    __m512i sum_u64x8 = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + WIDTH <= bytes; i += WIDTH) {
        __m512i word_u64x8 = _mm512_loadu_si512(set + i);
        sum_u64x8 = _mm512_add_epi64(sum_u64x8, _mm512_popcnt_epi64(word_u64x8));
    }
    __mmask64 rest = ((__mmask64)1 << (bytes - i)) - 1; /* lanes beyond it are not read */
    __m512i word_u64x8 = _mm512_maskz_loadu_epi8(rest, set + i);
    sum_u64x8 = _mm512_add_epi64(sum_u64x8, _mm512_popcnt_epi64(word_u64x8));
    *count = (size_t)_mm512_reduce_add_epi64(sum_u64x8);
}

#endif
