#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "hadamard.h"
#include "rotate.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum {
    LANES = 8,
    TILE = 64, /* values whose first six distances are done in eight registers */
};

er_rotate_f32_fn er_rotate_f32_avx2;

/* a + b where a lane is the first of its pair, a - b where it is the second; `swapped` holds each
 * lane's partner, `minus` the sign bit in the second lanes. Adding -b rounds as subtracting b. */
INLINE __m256 add_partner(__m256 x_f32x8, __m256 swapped_f32x8, __m256 minus_f32x8) {
    return _mm256_add_ps(swapped_f32x8, _mm256_xor_ps(x_f32x8, minus_f32x8));
}

/* Butterflies over the distances 1, 2 and 4 within a vector. */
INLINE __m256 within(__m256 x_f32x8) {
    const float m = -0.0f;
    x_f32x8 = add_partner(x_f32x8, _mm256_permute_ps(x_f32x8, 0xB1),
                          _mm256_setr_ps(0, m, 0, m, 0, m, 0, m));
    x_f32x8 = add_partner(x_f32x8, _mm256_permute_ps(x_f32x8, 0x4E),
                          _mm256_setr_ps(0, 0, m, m, 0, 0, m, m));
    return add_partner(x_f32x8, _mm256_permute2f128_ps(x_f32x8, x_f32x8, 0x01),
                       _mm256_setr_ps(0, 0, 0, 0, m, m, m, m));
}

INLINE void butterfly(__m256 *a_f32x8, __m256 *b_f32x8) {
    __m256 sum_f32x8 = _mm256_add_ps(*a_f32x8, *b_f32x8);
    *b_f32x8 = _mm256_sub_ps(*a_f32x8, *b_f32x8);
    *a_f32x8 = sum_f32x8;
}

/* Butterflies over the distances 1 to 32. */
INLINE void transform_tile(float *x) {
    __m256 v[TILE / LANES];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) v[i] = within(_mm256_loadu_ps(x + i * LANES));
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i += 2) butterfly(&v[i], &v[i + 1]);
#pragma GCC unroll 8
    for (size_t i = 0; i < 4; i++) butterfly(&v[i + i / 2 * 2], &v[i + i / 2 * 2 + 2]);
#pragma GCC unroll 8
    for (size_t i = 0; i < 4; i++) butterfly(&v[i], &v[i + 4]);
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) _mm256_storeu_ps(x + i * LANES, v[i]);
}

INLINE void transform_far(float *x, size_t n, size_t half) {
    for (size_t block = 0; block < n; block += 2 * half)
        for (size_t i = block; i < block + half; i += LANES) {
            __m256 a_f32x8 = _mm256_loadu_ps(x + i), b_f32x8 = _mm256_loadu_ps(x + i + half);
            butterfly(&a_f32x8, &b_f32x8);
            _mm256_storeu_ps(x + i, a_f32x8);
            _mm256_storeu_ps(x + i + half, b_f32x8);
        }
}

AVX2 static void transform(float *x, size_t n) {
    for (size_t tile = 0; tile < n; tile += TILE) transform_tile(x + tile);
    for (size_t half = TILE; half < n; half *= 2) transform_far(x, n, half);
    __m256 scale_f32x8 = _mm256_set1_ps(er_hadamard_scale(n));
    for (size_t i = 0; i < n; i += LANES)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), scale_f32x8));
}

AVX2 static void apply_signs(float *x, const int8_t *signs, size_t n) {
    for (size_t i = 0; i < n; i += LANES) {
        __m256i sign_i32x8 = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(signs + i)));
        _mm256_storeu_ps(x + i,
                         _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_cvtepi32_ps(sign_i32x8)));
    }
}

AVX2 void er_rotate_f32_avx2(const float *x, size_t n, size_t dim, size_t bits, const int8_t *signs,
                             size_t n_rounds, float *out) {
    size_t part = er_hadamard_size(bits);
    for (size_t row = 0; row < n; row++, x += dim, out += bits) {
        memcpy(out, x, dim * sizeof *x);
        memset(out + dim, 0, (bits - dim) * sizeof *x);
        for (size_t round = 0; round < n_rounds; round++) {
            apply_signs(out, signs + round * bits, bits);
            transform(round % 2 ? out + bits - part : out, part);
        }
    }
}

#endif
