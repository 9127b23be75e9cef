#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdbool.h>

#include "rerank.h"

#define INLINE static inline __attribute__((always_inline))

er_inner_f32_fn er_inner_f32_neon;
er_inner_f16_fn er_inner_f16_neon;
er_cosine_f32_fn er_cosine_f32_neon;
er_cosine_f16_fn er_cosine_f16_neon;
er_l2_f32_fn er_l2_f32_neon;
er_l2_f16_fn er_l2_f16_neon;

/* Each vector holds four lanes that follow each other. */
typedef struct {
    float32x4_t a, b, c, d;
} wide;

#include "score_rows.h"

INLINE wide no_sums(void) {
    const float32x4_t zero_f32x4 = vdupq_n_f32(0);
    return (wide){zero_f32x4, zero_f32x4, zero_f32x4, zero_f32x4};
}

INLINE float32x4_t widen(const uint16_t *halves) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

INLINE wide load(const void *values, bool half) {
    if (half) {
        const uint16_t *halves = values;
        return (wide){widen(halves), widen(halves + 4), widen(halves + 8), widen(halves + 12)};
    }
    const float *single = values;
    return (wide){vld1q_f32(single), vld1q_f32(single + 4), vld1q_f32(single + 8),
                  vld1q_f32(single + 12)};
}

INLINE wide add_products(wide acc, wide x, wide y) {
    return (wide){vaddq_f32(acc.a, vmulq_f32(x.a, y.a)), vaddq_f32(acc.b, vmulq_f32(x.b, y.b)),
                  vaddq_f32(acc.c, vmulq_f32(x.c, y.c)), vaddq_f32(acc.d, vmulq_f32(x.d, y.d))};
}

INLINE wide difference(wide x, wide y) {
    return (wide){vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c),
                  vsubq_f32(x.d, y.d)};
}

INLINE float total(wide acc) {
    float32x4_t sum_f32x4 = vaddq_f32(vaddq_f32(acc.a, acc.c), vaddq_f32(acc.b, acc.d));
    float32x2_t sum_f32x2 = vadd_f32(vget_low_f32(sum_f32x4), vget_high_f32(sum_f32x4));
    return vget_lane_f32(sum_f32x2, 0) + vget_lane_f32(sum_f32x2, 1);
}

void er_inner_f32_neon(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                       size_t m, float *out) {
    score_rows(INNER, false, query, vectors, dim, rows, m, out);
}

void er_inner_f16_neon(const float *query, const uint16_t *vectors, size_t dim, const int32_t *rows,
                       size_t m, float *out) {
    score_rows(INNER, true, query, vectors, dim, rows, m, out);
}

void er_cosine_f32_neon(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                        size_t m, float *out) {
    score_rows(COSINE, false, query, vectors, dim, rows, m, out);
}

void er_cosine_f16_neon(const float *query, const uint16_t *vectors, size_t dim,
                        const int32_t *rows, size_t m, float *out) {
    score_rows(COSINE, true, query, vectors, dim, rows, m, out);
}

void er_l2_f32_neon(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                    size_t m, float *out) {
    score_rows(L2, false, query, vectors, dim, rows, m, out);
}

void er_l2_f16_neon(const float *query, const uint16_t *vectors, size_t dim, const int32_t *rows,
                    size_t m, float *out) {
    score_rows(L2, true, query, vectors, dim, rows, m, out);
}

#endif
