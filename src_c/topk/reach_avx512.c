#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "reach.h"

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,popcnt"
#define AVX512 __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

enum { LANES = 16 };

er_reach_f32_fn er_reach_f32_avx512;

/* Bits of those of up to 16 scores that reach the bar. */
INLINE __mmask16 reaching(__mmask16 some, __m512 score_f32x16, float bar) {
    return _mm512_mask_cmp_ps_mask(some, score_f32x16, _mm512_set1_ps(bar), _CMP_NLT_UQ);
}

INLINE __mmask16 first(size_t n) { return n < LANES ? (__mmask16)((1u << n) - 1) : 0xFFFF; }

INLINE size_t count(const float *scores, size_t n, float bar) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 some = first(n - i);
        const __m512 score_f32x16 = _mm512_maskz_loadu_ps(some, scores + i);
        kept += (size_t)__builtin_popcount(reaching(some, score_f32x16, bar));
    }
    return kept;
}

/* Keep those of up to 16 rows that reach the bar; how many. Compressed in a register first:
 * compressing into memory is slow on some CPUs. */
INLINE size_t keep_some(const float *scores, const int32_t *rows, __mmask16 some, float bar,
                        float *kept_scores, int32_t *kept_rows) {
    const __m512 score_f32x16 = _mm512_maskz_loadu_ps(some, scores);
    const __m512i row_i32x16 = _mm512_maskz_loadu_epi32(some, rows);
    const __mmask16 bits = reaching(some, score_f32x16, bar);
    _mm512_storeu_ps(kept_scores, _mm512_maskz_compress_ps(bits, score_f32x16));
    _mm512_storeu_si512(kept_rows, _mm512_maskz_compress_epi32(bits, row_i32x16));
    return (size_t)__builtin_popcount(bits);
}

INLINE size_t keep(const float *scores, const int32_t *rows, size_t n, float bar,
                   float *kept_scores, int32_t *kept_rows) {
    size_t kept = 0, i = 0;
    for (; i + LANES <= n; i += LANES)
        kept += keep_some(scores + i, rows + i, 0xFFFF, bar, kept_scores + kept, kept_rows + kept);
    float last_scores[LANES]; /* what is read may be what is kept, and have no room behind it */
    int32_t last_rows[LANES];
    const size_t last = keep_some(scores + i, rows + i, first(n - i), bar, last_scores, last_rows);
    memcpy(kept_scores + kept, last_scores, last * sizeof *kept_scores);
    memcpy(kept_rows + kept, last_rows, last * sizeof *kept_rows);
    return kept + last;
}

AVX512 void er_reach_f32_avx512(const float *scores, const int32_t *rows, size_t n, float bar,
                                float *kept_scores, int32_t *kept_rows, size_t *n_kept) {
    *n_kept =
        kept_scores ? keep(scores, rows, n, bar, kept_scores, kept_rows) : count(scores, n, bar);
}

#endif
