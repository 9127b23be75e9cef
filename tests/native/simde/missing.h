/* What the packaged SIMDe (0.7.4) lacks, or has wrong, of what the kernels use; from Intel's
 * definitions. Lanes that are masked away are not touched. */
#ifndef SIMDE_MISSING_H
#define SIMDE_MISSING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef simde__mmask8 __mmask8;
typedef simde__mmask16 __mmask16;
typedef simde__mmask32 __mmask32;
typedef simde__mmask64 __mmask64;

static inline void missing_load(void *lanes, uint64_t mask, const void *from, size_t n,
                                size_t width) {
    for (size_t i = 0; i < n; i++)
        if (mask >> i & 1) memcpy((char *)lanes + i * width, (const char *)from + i * width, width);
}

static inline __m512i _mm512_maskz_loadu_epi8(__mmask64 mask, const void *from) {
    __m512i lanes = _mm512_setzero_si512();
    missing_load(&lanes, mask, from, 64, 1);
    return lanes;
}

static inline __m512i _mm512_maskz_loadu_epi64(__mmask8 mask, const void *from) {
    __m512i lanes = _mm512_setzero_si512();
    missing_load(&lanes, mask, from, 8, 8);
    return lanes;
}

static inline __m512i _mm512_maskz_loadu_epi32(__mmask16 mask, const void *from) {
    __m512i lanes = _mm512_setzero_si512();
    missing_load(&lanes, mask, from, 16, 4);
    return lanes;
}

static inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *from) {
    float lanes[16] = {0};
    missing_load(lanes, mask, from, 16, 4);
    return _mm512_loadu_ps(lanes);
}

static inline __m512i _mm512_cvtepu32_epi64(__m256i x) {
    uint32_t in[8];
    uint64_t out[8];
    _mm256_storeu_si256((__m256i *)in, x);
    for (size_t i = 0; i < 8; i++) out[i] = in[i];
    return _mm512_loadu_si512(out);
}

static inline __m256 _mm512_extractf32x8_ps(__m512 x, int half) {
    float lanes[16];
    _mm512_storeu_ps(lanes, x);
    return _mm256_loadu_ps(lanes + 8 * half);
}

static inline __mmask8 _mm512_mask_cmpgt_epu64_mask(__mmask8 mask, __m512i a, __m512i b) {
    uint64_t left[8], right[8];
    unsigned greater = 0;
    _mm512_storeu_si512(left, a);
    _mm512_storeu_si512(right, b);
    for (size_t i = 0; i < 8; i++) greater |= (unsigned)(left[i] > right[i]) << i;
    return (__mmask8)(mask & greater);
}

static inline long long _mm512_reduce_add_epi64(__m512i x) {
    long long in[8], sum = 0;
    _mm512_storeu_si512(in, x);
    for (size_t i = 0; i < 8; i++) sum += in[i];
    return sum;
}

static inline __m512 _mm512_cvtepi32_ps(__m512i x) {
    int32_t in[16];
    float out[16];
    _mm512_storeu_si512(in, x);
    for (size_t i = 0; i < 16; i++) out[i] = (float)in[i];
    return _mm512_loadu_ps(out);
}

static inline __m128i _mm_maskz_loadu_epi8(__mmask16 mask, const void *from) {
    uint8_t lanes[16] = {0};
    missing_load(lanes, mask, from, 16, 1);
    return _mm_loadu_si128((const __m128i *)lanes);
}

/* There it reads the lanes that are masked away. */
#undef _mm256_maskload_epi64
static inline __m256i _mm256_maskload_epi64(const void *from, __m256i mask) {
    int64_t wanted[4], lanes[4] = {0};
    _mm256_storeu_si256((__m256i *)wanted, mask);
    for (size_t i = 0; i < 4; i++)
        if (wanted[i] < 0) memcpy(&lanes[i], (const char *)from + 8 * i, 8);
    return _mm256_loadu_si256((const __m256i *)lanes);
}

/* There it is "greater or equal", which is another thing for NaN. */
#undef _mm_cmpnlt_ps
#define _mm_cmpnlt_ps(a, b) simde_x_mm_not_ps(simde_mm_cmplt_ps(a, b))

#define _mm512_mask_cmp_ps_mask(mask, a, b, op) ((mask) & _mm512_cmp_ps_mask(a, b, op))

#endif
