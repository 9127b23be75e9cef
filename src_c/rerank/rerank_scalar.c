#include <string.h>

#include "rerank.h"

enum { LANES = 16 };

er_inner_f32_fn er_inner_f32_scalar;
er_inner_f16_fn er_inner_f16_scalar;

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

void er_inner_f32_scalar(const float *query, const float *vectors, size_t dim, const int32_t *rows,
                         size_t m, float *out) {
    for (size_t j = 0; j < m; j++) {
        const float *row = vectors + (size_t)rows[j] * dim;
        float lanes[LANES] = {0};
        for (size_t i = 0; i < dim; i++) lanes[i % LANES] += query[i] * row[i];
        out[j] = sum_of_lanes(lanes);
    }
}

void er_inner_f16_scalar(const float *query, const uint16_t *vectors, size_t dim,
                         const int32_t *rows, size_t m, float *out) {
    for (size_t j = 0; j < m; j++) {
        const uint16_t *row = vectors + (size_t)rows[j] * dim;
        float lanes[LANES] = {0};
        for (size_t i = 0; i < dim; i++) lanes[i % LANES] += query[i] * widen(row[i]);
        out[j] = sum_of_lanes(lanes);
    }
}
