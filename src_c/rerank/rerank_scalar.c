#include <string.h>

#include "measure.h"

enum { LANES = 16 };

er_inner_f32_fn er_inner_f32_scalar;
er_inner_f16_fn er_inner_f16_scalar;
er_cosine_f32_fn er_cosine_f32_scalar;
er_cosine_f16_fn er_cosine_f16_scalar;
er_l2_f32_fn er_l2_f32_scalar;
er_l2_f16_fn er_l2_f16_scalar;

static float sum_of_lanes(float *lanes) {
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lanes[l] += lanes[l + half];
    return lanes[0];
}

static float widen(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F;
    uint32_t fraction = half & 0x3FF, bits;
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24, exact */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    bits = sign | (exponent == 0x1F ? 0xFF : exponent + (127 - 15)) << 23 | fraction << 13;
    float single;
    memcpy(&single, &bits, sizeof single);
    return single;
}

static float value_at(const void *vectors, size_t i, bool half) {
    return half ? widen(((const uint16_t *)vectors)[i]) : ((const float *)vectors)[i];
}

static float squares(const float *x, size_t dim) {
    float lanes[LANES] = {0};
    for (size_t i = 0; i < dim; i++) lanes[i % LANES] += x[i] * x[i];
    return sum_of_lanes(lanes);
}

static void score_rows(measure what, bool half, const float *query, const void *vectors, size_t dim,
                       const int32_t *rows, size_t m, float *out) {
    float query_square = squares(query, dim);
    for (size_t j = 0; j < m; j++) {
        float sums[LANES] = {0}, squares[LANES] = {0};
        for (size_t i = 0; i < dim; i++) {
            float value = value_at(vectors, (size_t)rows[j] * dim + i, half);
            float difference = query[i] - value;
            sums[i % LANES] += what == L2 ? difference * difference : query[i] * value;
            squares[i % LANES] += value * value;
        }
        out[j] = sum_of_lanes(sums);
        if (what == COSINE) out[j] = cosine_of(out[j], query_square, sum_of_lanes(squares));
    }
}

void er_inner_f32_scalar(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                         size_t m, float *out) {
    score_rows(INNER, false, query, vectors, dim, rows, m, out);
}

void er_inner_f16_scalar(const float *query, const uint16_t *vectors, size_t dim,
                         const int32_t *rows, size_t m, float *out) {
    score_rows(INNER, true, query, vectors, dim, rows, m, out);
}

void er_cosine_f32_scalar(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                          size_t m, float *out) {
    score_rows(COSINE, false, query, vectors, dim, rows, m, out);
}

void er_cosine_f16_scalar(const float *query, const uint16_t *vectors, size_t dim,
                          const int32_t *rows, size_t m, float *out) {
    score_rows(COSINE, true, query, vectors, dim, rows, m, out);
}

void er_l2_f32_scalar(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                      size_t m, float *out) {
    score_rows(L2, false, query, vectors, dim, rows, m, out);
}

void er_l2_f16_scalar(const float *query, const uint16_t *vectors, size_t dim, const int32_t *rows,
                      size_t m, float *out) {
    score_rows(L2, true, query, vectors, dim, rows, m, out);
}
