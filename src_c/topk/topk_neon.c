#if defined(__aarch64__)

#include <arm_neon.h>

#include "topk.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    GROUP = 8,   /* scores looked at together: one byte of the bitmap */
    STRIDE = 32, /* scores a branch while every row is eligible */
};

er_topk_f32_fn er_topk_f32_neon;

#include "order.h"

/* Lanes that stay out. NaN compares false, so it gets in, to be noted. */
INLINE uint32x4_t below(const float *scores, float32x4_t threshold_f32x4) {
    return vcltq_f32(vld1q_f32(scores), threshold_f32x4);
}

/* Bit r: score r may enter. */
INLINE unsigned entering(const float *scores, float threshold) {
    static const uint32_t place[GROUP] = {1, 2, 4, 8, 16, 32, 64, 128};
    float32x4_t threshold_f32x4 = vdupq_n_f32(threshold);
    uint32x4_t low_u32x4 = vbicq_u32(vld1q_u32(place), below(scores, threshold_f32x4));
    uint32x4_t high_u32x4 = vbicq_u32(vld1q_u32(place + 4), below(scores + 4, threshold_f32x4));
    return vaddvq_u32(vorrq_u32(low_u32x4, high_u32x4));
}

/* Whether any of STRIDE scores may enter: the branch that is hardly ever taken. */
INLINE bool any_enters(const float *scores, float threshold) {
    float32x4_t threshold_f32x4 = vdupq_n_f32(threshold);
    uint32x4_t all_u32x4 = below(scores, threshold_f32x4);
    for (size_t i = 4; i < STRIDE; i += 4)
        all_u32x4 = vandq_u32(all_u32x4, below(scores + i, threshold_f32x4));
    return vminvq_u32(all_u32x4) == 0;
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
        if (bits) bits &= entering(scores + i, top->threshold);
        er_topk_offer_group(top, scores + i, bits, (int32_t)i);
        i += GROUP;
    }
    for (; i < stop; i++)
        if (er_is_eligible(eligible, i) && !(scores[i] < top->threshold))
            er_topk_offer(top, scores[i], (int32_t)i);
}

void er_topk_f32_neon(const float *scores, size_t n, const uint8_t *eligible, er_topk *top) {
    offer_all(scores, n, eligible, top);
}

#endif
