#if defined(__x86_64__)

#include <immintrin.h>

#include "topk.h"

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq"
#define AVX512 __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

enum { GROUP = 16 }; /* scores a vector */

er_topk_f32_fn er_topk_f32_avx512;

#include "order.h"

/* Keys of eight scores, as er_key_of() makes them. */
INLINE __m512i keys_of(__m256 score_f32x8, __m256i row_i32x8) {
    __m256i bits_i32x8 = _mm256_castps_si256(_mm256_add_ps(score_f32x8, _mm256_setzero_ps()));
    __m256i flip_i32x8 = _mm256_or_si256(_mm256_srai_epi32(bits_i32x8, 31),
                                         _mm256_set1_epi32(INT32_MIN)); /* all, or the sign alone */
    __m512i high_u64x8 = _mm512_cvtepu32_epi64(_mm256_xor_si256(bits_i32x8, flip_i32x8));
    __m512i low_u64x8 = _mm512_cvtepu32_epi64(_mm256_xor_si256(row_i32x8, _mm256_set1_epi32(-1)));
    return _mm512_or_si512(_mm512_slli_epi64(high_u64x8, 32), low_u64x8);
}

/* Add those of eight keys that have a bit and lie above the floor. Compressed in a register first:
 * compressing into memory is slow on some CPUs. The store may write behind what it adds. */
INLINE void add_keys(er_topk *top, __m512i key_u64x8, __mmask8 bits) {
    bits = _mm512_mask_cmpgt_epu64_mask(bits, key_u64x8, _mm512_set1_epi64((long long)top->floor));
    _mm512_storeu_si512(top->keys + top->size, _mm512_maskz_compress_epi64(bits, key_u64x8));
    top->size += (size_t)__builtin_popcount(bits);
}

/* Offer those of sixteen scores that have a bit, all not below the threshold. */
INLINE void offer_group(__m512 score_f32x16, int32_t first, __mmask16 bits, er_topk *top) {
    if (_mm512_mask_cmp_ps_mask(bits, score_f32x16, score_f32x16, _CMP_UNORD_Q)) {
        top->nan = true;
        return;
    }
    if (top->size + GROUP >= top->capacity) { /* no room to store whole vectors */
        float score[GROUP];
        _mm512_storeu_ps(score, score_f32x16);
        er_topk_offer_group(top, score, bits, first);
        return;
    }
    __m256i row_i32x8 =
        _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    add_keys(top, keys_of(_mm512_castps512_ps256(score_f32x16), row_i32x8), (__mmask8)bits);
    row_i32x8 = _mm256_add_epi32(row_i32x8, _mm256_set1_epi32(8));
    add_keys(top, keys_of(_mm512_extractf32x8_ps(score_f32x16, 1), row_i32x8),
             (__mmask8)(bits >> 8));
}

/* Bits of the scores not less than the threshold, which lets NaN through to be noted. */
INLINE uint64_t entering(const float *scores, __m512 threshold_f32x16) {
    uint64_t bits = 0;
    for (size_t g = 0; g < ER_BLOCK; g += GROUP)
        bits |=
            (uint64_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + g), threshold_f32x16, _CMP_NLT_UQ)
            << g;
    return bits;
}

INLINE void offer_rows(const float *scores, size_t start, size_t stop, const uint8_t *eligible,
                       er_topk *top) {
    for (; start < stop; start += ER_BLOCK) {
        size_t n = stop - start < ER_BLOCK ? stop - start : ER_BLOCK;
        uint64_t bits = er_eligible_bits(eligible, start, n);
        if (n == ER_BLOCK && bits) bits &= entering(scores + start, _mm512_set1_ps(top->threshold));
        for (size_t g = 0; bits; g += GROUP, bits >>= GROUP) {
            __mmask16 group = (__mmask16)bits; /* lanes without a bit are not read */
            if (!group) continue;
            __m512 score_f32x16 = _mm512_maskz_loadu_ps(group, scores + start + g);
            group = _mm512_mask_cmp_ps_mask(group, score_f32x16, _mm512_set1_ps(top->threshold),
                                            _CMP_NLT_UQ);
            if (group) offer_group(score_f32x16, (int32_t)(start + g), group, top);
        }
    }
}

AVX512 void er_topk_f32_avx512(const float *scores, size_t n, const uint8_t *eligible,
                               er_topk *top) {
    offer_all(scores, n, eligible, top);
}

#endif
