#if defined(__x86_64__)

#include <immintrin.h>

#include "lanes.h"
#include "sketch.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

er_sketch_f32_fn er_sketch_f32_avx2;

typedef struct {
    __m256 low_f32x8, high_f32x8; /* lanes 0 to 7, and 8 to 15 */
} sums;

INLINE float total(sums of) {
    float lanes[ER_LANES];
    _mm256_storeu_ps(lanes, of.low_f32x8);
    _mm256_storeu_ps(lanes + 8, of.high_f32x8);
    return er_sum_lanes(lanes);
}

INLINE __m256 add_square(__m256 sum_f32x8, __m256 x_f32x8) {
    return _mm256_add_ps(sum_f32x8, _mm256_mul_ps(x_f32x8, x_f32x8));
}

INLINE __m256 add_size(__m256 sum_f32x8, __m256 x_f32x8) {
    return _mm256_add_ps(sum_f32x8, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x_f32x8));
}

/* A comparison, not the sign bits: -0.0 is not below zero, and NaN has no bit. */
INLINE uint64_t bits8(__m256 x_f32x8) {
    __m256 is_f32x8 = _mm256_cmp_ps(x_f32x8, _mm256_setzero_ps(), _CMP_GE_OQ);
    return (uint64_t)(unsigned)_mm256_movemask_ps(is_f32x8);
}

AVX2 void er_sketch_f32_avx2(const float *rotated, size_t n, size_t words, uint64_t *bits,
                             float *factors) {
    const __m256 zero_f32x8 = _mm256_setzero_ps();
    for (size_t row = 0; row < n; row++, bits += words) {
        sums squares = {zero_f32x8, zero_f32x8}, sizes = squares;
        for (size_t word = 0; word < words; word++) {
            uint64_t ones = 0;
            for (size_t i = 0; i < 64; i += ER_LANES, rotated += ER_LANES) {
                __m256 low_f32x8 = _mm256_loadu_ps(rotated);
                __m256 high_f32x8 = _mm256_loadu_ps(rotated + 8);
                ones |= (bits8(low_f32x8) | bits8(high_f32x8) << 8) << i;
                squares.low_f32x8 = add_square(squares.low_f32x8, low_f32x8);
                squares.high_f32x8 = add_square(squares.high_f32x8, high_f32x8);
                sizes.low_f32x8 = add_size(sizes.low_f32x8, low_f32x8);
                sizes.high_f32x8 = add_size(sizes.high_f32x8, high_f32x8);
            }
            bits[word] = ones;
        }
        factors[row] = er_sketch_factor(total(squares), total(sizes));
    }
}

#endif
