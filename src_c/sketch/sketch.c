#include "sketch.h"

#include <math.h>

er_status er_sketch_f32(const er_kernel *kernel, const float *rotated, size_t n, size_t words,
                        uint64_t *bits, float *factors, size_t *at) {
    if (words < 1 || words > ER_SKETCH_MAX_WORDS) return ER_TOO_LONG;
    ((er_sketch_f32_fn *)kernel->fn)(rotated, n, words, bits, factors);
    for (size_t row = 0; row < n; row++)
        if (!isfinite(factors[row])) {
            *at = row;
            return ER_NOT_FINITE;
        }
    return ER_OK;
}

/* Half the distance between the levels of the uniform quantiser with 2^j levels that errs least on
 * a standard normal value. Source: Max, "Quantizing for Minimum Distortion" (1960), table II. */
static const double NORMAL_GRID[ER_SKETCH_MAX_PLANES] = {0.7979, 0.4978, 0.2930, 0.1676,
                                                         0.0941, 0.0520, 0.0284, 0.0154};

er_status er_sketch_query(const float *rotated, size_t words, size_t n_planes, uint64_t *planes,
                          float *step) {
    if (words < 1 || words > ER_SKETCH_MAX_WORDS) return ER_TOO_LONG;
    if (n_planes < 1 || n_planes > ER_SKETCH_MAX_PLANES) return ER_TOO_LONG;
    const size_t bits = 64 * words;
    const int half = 1 << (n_planes - 1); /* of the levels */
    double squares = 0.0, largest = 0.0;
    for (size_t i = 0; i < bits; i++) {
        double size = fabs((double)rotated[i]);
        squares += size * size;
        largest = size > largest ? size : largest;
    }
    if (!isfinite(squares)) return ER_NOT_FINITE; /* squares of float32 do not overflow */

    double grid = NORMAL_GRID[n_planes - 1] * sqrt(squares / (double)bits);
    double widest = largest / (2 * half - 1);
    if (grid > widest) grid = widest;
    double inverse = grid > 0.0 ? 0.5 / grid : 0.0, product = 0.0;
    for (size_t word = 0; word < words; word++) {
        uint64_t ones[ER_SKETCH_MAX_PLANES] = {0};
        for (size_t i = 0; i < 64; i++) {
            double value = rotated[64 * word + i];
            int size = (int)(fabs(value) * inverse);
            size = size < half ? size : half - 1;
            int level = value >= 0.0 ? half + size : half - 1 - size;
            product += fabs(value) * (2 * size + 1);
            for (size_t j = 0; j < n_planes; j++) ones[j] |= (uint64_t)(level >> j & 1) << i;
        }
        for (size_t j = 0; j < n_planes; j++) planes[j * words + word] = ones[j];
    }
    *step = product > 0.0 ? (float)(squares / product) : 0.0f;
    return ER_OK;
}
