#if defined(__x86_64__)

#include <immintrin.h>

#include "rows.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

er_bag_i8_fn er_bag_i8_scalar, er_bag_i8_avx2;
er_bag_i4_fn er_bag_i4_avx2;

typedef __m256 sum8;

#include "columns.h"

INLINE sum8 no_sum(void) { return _mm256_setzero_ps(); }

INLINE sum8 convert(__m128i code_i8x8) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(code_i8x8));
}

INLINE sum8 load_i8(const uint8_t *codes) {
    return convert(_mm_loadl_epi64((const __m128i *)codes));
}

INLINE sum8 widen_i8(uint64_t codes) { return convert(_mm_cvtsi64_si128((long long)codes)); }

/* Each nibble to the top of a lane of its own, and back down with its sign. */
INLINE sum8 widen_i4(uint32_t nibbles) {
    const __m256i up_i32x8 = _mm256_setr_epi32(28, 24, 20, 16, 12, 8, 4, 0);
    __m256i top_i32x8 = _mm256_sllv_epi32(_mm256_set1_epi32((int)nibbles), up_i32x8);
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(top_i32x8, 28));
}

INLINE void store8(float *out, sum8 sum_f32x8) { _mm256_storeu_ps(out, sum_f32x8); }

INLINE sum8 divide(sum8 sum_f32x8, float n) { return _mm256_div_ps(sum_f32x8, _mm256_set1_ps(n)); }

INLINE sum8 add_product(sum8 sum_f32x8, float factor, sum8 code_f32x8) {
    return _mm256_add_ps(sum_f32x8, _mm256_mul_ps(_mm256_set1_ps(factor), code_f32x8));
}

AVX2 void er_bag_i8_avx2(const er_bag_table *table, const er_bags *bags, float *out) {
    if (table->dim < LANES / 2)
        er_bag_i8_scalar(table, bags, out); /* a row is narrower than what last_codes() reads */
    else
        sum_bags(table, bags, 8, out);
}

AVX2 void er_bag_i4_avx2(const er_bag_table *table, const er_bags *bags, float *out) {
    sum_bags(table, bags, 4, out);
}

#endif
