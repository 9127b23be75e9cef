#if defined(__x86_64__)

#include <immintrin.h>

#include "topk.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum {
    GROUP = 8,   /* scores a vector: one byte of the bitmap */
    STRIDE = 32, /* scores a branch while every row is eligible */
};

er_topk_f32_fn er_topk_f32_avx2;

#include "order.h"

/* Lanes that may enter: not less than the threshold, which lets NaN through to be noted. */
INLINE __m256 entering(const float *scores, __m256 threshold_f32x8) {
    return _mm256_cmp_ps(_mm256_loadu_ps(scores), threshold_f32x8, _CMP_NLT_UQ);
}

INLINE void offer_group(const float *scores, size_t start, unsigned bits, er_topk *top) {
    __m256 threshold_f32x8 = _mm256_broadcast_ss(&top->threshold);
    bits &= (unsigned)_mm256_movemask_ps(entering(scores + start, threshold_f32x8));
    er_topk_offer_group(top, scores + start, bits, (int32_t)start);
}

/* Whether any of STRIDE scores may enter: the branch that is hardly ever taken. */
INLINE bool any_enters(const float *scores, float threshold) {
    __m256 threshold_f32x8 = _mm256_set1_ps(threshold);
    __m256 any = entering(scores, threshold_f32x8);
    for (size_t i = GROUP; i < STRIDE; i += GROUP)
        any = _mm256_or_ps(any, entering(scores + i, threshold_f32x8));
    return _mm256_movemask_ps(any) != 0;
}

INLINE void offer_rows(const float *scores, size_t start, size_t stop, const uint8_t *eligible,
                       er_topk *top) {
    size_t i = start;
    while (i + GROUP <= stop) {
        if (!eligible && i + STRIDE <= stop && !any_enters(scores + i, top->threshold)) {
            i += STRIDE;
            continue;
        }
        unsigned bits = eligible ? eligible[i / 8] : 0xFF;
        if (bits) offer_group(scores, i, bits, top);
        i += GROUP;
    }
    for (; i < stop; i++)
        if (er_is_eligible(eligible, i) && !(scores[i] < top->threshold))
            er_topk_offer(top, scores[i], (int32_t)i);
}

AVX2 void er_topk_f32_avx2(const float *scores, size_t n, const uint8_t *eligible, er_topk *top) {
    offer_all(scores, n, eligible, top);
}

#endif
