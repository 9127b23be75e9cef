#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "rerank.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    LANES = 16, /* as in the order of the sum: four vectors of four */
    AHEAD = 4,  /* rows between prefetch and use; they lie anywhere in memory */
    CACHE_LINE = 64,
};

er_inner_f32_fn er_inner_f32_neon;
er_inner_f16_fn er_inner_f16_neon;

/* The sixteen running sums of a row. */
typedef struct {
    float32x4_t part_f32x4[LANES / 4];
} sums;

/* A product and a sum, each rounded: a fused multiply-add would differ from the scalar code. */
INLINE void add_products(sums *acc, size_t part, const float *query, float32x4_t row_f32x4) {
    float32x4_t product_f32x4 = vmulq_f32(vld1q_f32(query + 4 * part), row_f32x4);
    acc->part_f32x4[part] = vaddq_f32(acc->part_f32x4[part], product_f32x4);
}

INLINE void add_f32(sums *acc, const float *query, const float *row) {
    for (size_t part = 0; part < LANES / 4; part++)
        add_products(acc, part, query, vld1q_f32(row + 4 * part));
}

INLINE void add_f16(sums *acc, const float *query, const uint16_t *row) {
    for (size_t part = 0; part < LANES / 4; part++) {
        float16x4_t half_f16x4 = vreinterpret_f16_u16(vld1_u16(row + 4 * part));
        add_products(acc, part, query, vcvt_f32_f16(half_f16x4));
    }
}

/* Lanes l and l + 8, then l and l + 4, l + 2, l + 1. */
INLINE float total(const sums *acc) {
    float32x4_t sum_f32x4 = vaddq_f32(vaddq_f32(acc->part_f32x4[0], acc->part_f32x4[2]),
                                      vaddq_f32(acc->part_f32x4[1], acc->part_f32x4[3]));
    float32x2_t sum_f32x2 = vadd_f32(vget_low_f32(sum_f32x4), vget_high_f32(sum_f32x4));
    return vget_lane_f32(sum_f32x2, 0) + vget_lane_f32(sum_f32x2, 1);
}

INLINE void fetch(const void *row, size_t n_bytes) {
    for (size_t b = 0; b < n_bytes; b += CACHE_LINE)
        __builtin_prefetch((const void *)((uintptr_t)row + b));
}

/* The columns past the last whole 16 are copied to where zeros follow: nothing is read past a row,
 * and adding 0 * 0 changes no sum, for none is -0. */
void er_inner_f32_neon(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                       size_t m, float *out) {
    size_t whole = dim / LANES * LANES, rest = (dim - whole) * sizeof(float);
    float query_rest[LANES] = {0}, row_rest[LANES] = {0};
    memcpy(query_rest, query + whole, rest);
    for (size_t j = 0; j < m; j++) {
        const float *row = vectors + (size_t)rows[j] * dim;
        if (j + AHEAD < m) fetch(vectors + (size_t)rows[j + AHEAD] * dim, dim * sizeof(float));
        sums acc = {{vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}};
        for (size_t i = 0; i < whole; i += LANES) add_f32(&acc, query + i, row + i);
        if (rest) {
            memcpy(row_rest, row + whole, rest);
            add_f32(&acc, query_rest, row_rest);
        }
        out[j] = total(&acc);
    }
}

void er_inner_f16_neon(const float *query, const uint16_t *vectors, size_t dim, const int32_t *rows,
                       size_t m, float *out) {
    size_t whole = dim / LANES * LANES, rest = dim - whole;
    float query_rest[LANES] = {0};
    uint16_t row_rest[LANES] = {0};
    memcpy(query_rest, query + whole, rest * sizeof(float));
    for (size_t j = 0; j < m; j++) {
        const uint16_t *row = vectors + (size_t)rows[j] * dim;
        if (j + AHEAD < m) fetch(vectors + (size_t)rows[j + AHEAD] * dim, dim * sizeof(uint16_t));
        sums acc = {{vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}};
        for (size_t i = 0; i < whole; i += LANES) add_f16(&acc, query + i, row + i);
        if (rest) {
            memcpy(row_rest, row + whole, rest * sizeof(uint16_t));
            add_f16(&acc, query_rest, row_rest);
        }
        out[j] = total(&acc);
    }
}

#endif
