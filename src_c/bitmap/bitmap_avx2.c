#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "bitmap.h"

#define AVX2 __attribute__((target("avx2")))

enum { WIDTH = 32 };

er_join_b1_fn er_join_b1_scalar, er_join_b1_avx2;
er_count_b1_fn er_count_b1_avx2;

/* One loop a join: a switch inside would be taken for every vector. */
#define JOIN(expression)                                                                           \
    for (; i + WIDTH <= bytes; i += WIDTH) {                                                       \
        __m256i a = _mm256_loadu_si256((const __m256i *)(set + i));                                \
        __m256i b = _mm256_loadu_si256((const __m256i *)(other + i));                              \
        _mm256_storeu_si256((__m256i *)(set + i), expression);                                     \
    }

AVX2 void er_join_b1_avx2(uint8_t *set, const uint8_t *other, size_t bytes, er_join join) {
    const __m256i ones = _mm256_set1_epi8(-1);
    size_t i = 0;
    switch (join) {
    case ER_JOIN_AND: JOIN(_mm256_and_si256(a, b)) break;
    case ER_JOIN_AND_NOT: JOIN(_mm256_andnot_si256(b, a)) break;
    case ER_JOIN_OR: JOIN(_mm256_or_si256(a, b)) break;
    case ER_JOIN_OR_NOT: JOIN(_mm256_or_si256(a, _mm256_xor_si256(b, ones))) break;
    default: break;
    }
    er_join_b1_scalar(set + i, other + i, bytes - i, join);
}

/* Bits of each byte: a table of 16 entries, asked for either half of the byte. */
AVX2 static inline __m256i byte_counts(__m256i bytes_u8x32) {
    const __m256i table_u8x32 =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i half_u8x32 = _mm256_set1_epi8(15);
    __m256i low_u8x32 = _mm256_and_si256(bytes_u8x32, half_u8x32);
    __m256i high_u8x32 = _mm256_and_si256(_mm256_srli_epi16(bytes_u8x32, 4), half_u8x32);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table_u8x32, low_u8x32),
                           _mm256_shuffle_epi8(table_u8x32, high_u8x32));
}

/* Bits of a word, by halves; AVX2 does not promise the instruction. */
static inline uint64_t word_count(uint64_t word) {
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return word * UINT64_C(0x0101010101010101) >> 56;
}

static inline uint64_t word_at(const uint8_t *set) {
    uint64_t word;
    memcpy(&word, set, sizeof word);
    return word;
}

/* Bits of the bytes from i on, fewer than a vector: many ranges are no longer than that. The last
 * word overlaps the one before. */
static inline uint64_t rest_count(const uint8_t *set, size_t i, size_t bytes) {
    uint64_t count = 0, last = 0;
    for (; i + 8 <= bytes; i += 8) count += word_count(word_at(set + i));
    if (i < bytes && bytes >= 8)
        last = word_at(set + bytes - 8) >> 8 * (8 - (bytes - i));
    else
        for (; i < bytes; i++) last = last << 8 | set[i];
    return count + word_count(last);
}

AVX2 void er_count_b1_avx2(const uint8_t *set, size_t bytes, size_t *count) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i sum_u64x4 = zero;
    size_t i = 0;
    for (; i + WIDTH <= bytes; i += WIDTH) {
        __m256i counts_u8x32 = byte_counts(_mm256_loadu_si256((const __m256i *)(set + i)));
        sum_u64x4 = _mm256_add_epi64(sum_u64x4, _mm256_sad_epu8(counts_u8x32, zero));
    }
    uint64_t lanes[4], rest = rest_count(set, i, bytes);
    _mm256_storeu_si256((__m256i *)lanes, sum_u64x4);
    *count = (size_t)(lanes[0] + lanes[1] + lanes[2] + lanes[3] + rest);
}

#endif
