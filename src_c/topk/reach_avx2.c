#if defined(__x86_64__)

#include <immintrin.h>

#include "reach.h"

#define TARGET "avx2,popcnt"
#define AVX2   __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

enum { LANES = 8 };

er_reach_f32_fn er_reach_f32_avx2;

/* Bits of the eight scores that reach the bar. */
INLINE unsigned reaching(const float *scores, float bar) {
    const __m256 score_f32x8 = _mm256_loadu_ps(scores);
    return (unsigned)_mm256_movemask_ps(
        _mm256_cmp_ps(score_f32x8, _mm256_set1_ps(bar), _CMP_NLT_UQ));
}

INLINE size_t count(const float *scores, size_t n, float bar) {
    size_t kept = 0, i = 0;
    for (; i + LANES <= n; i += LANES)
        kept += (size_t)__builtin_popcount(reaching(scores + i, bar));
    for (; i < n; i++) kept += !(scores[i] < bar);
    return kept;
}

INLINE size_t keep(const float *scores, const int32_t *rows, size_t n, float bar,
                   float *kept_scores, int32_t *kept_rows) {
    size_t kept = 0, i = 0;
    for (; i + LANES <= n; i += LANES)
        for (unsigned bits = reaching(scores + i, bar); bits; bits &= bits - 1) {
            const size_t from = i + (size_t)__builtin_ctz(bits);
            kept_scores[kept] = scores[from];
            kept_rows[kept++] = rows[from];
        }
    for (; i < n; i++) {
        const float score = scores[i];
        kept_scores[kept] = score;
        kept_rows[kept] = rows[i];
        kept += !(score < bar);
    }
    return kept;
}

AVX2 void er_reach_f32_avx2(const float *scores, const int32_t *rows, size_t n, float bar,
                            float *kept_scores, int32_t *kept_rows, size_t *n_kept) {
    *n_kept =
        kept_scores ? keep(scores, rows, n, bar, kept_scores, kept_rows) : count(scores, n, bar);
}

#endif
