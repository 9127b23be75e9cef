#include <math.h>

#include "lanes.h"
#include "sketch.h"

er_sketch_f32_fn er_sketch_f32_scalar;

void er_sketch_f32_scalar(const float *rotated, size_t n, size_t words, uint64_t *bits,
                          float *factors) {
    for (size_t row = 0; row < n; row++, bits += words, rotated += 64 * words) {
        float squares[ER_LANES] = {0}, sizes[ER_LANES] = {0};
        for (size_t word = 0; word < words; word++) bits[word] = 0;
        for (size_t i = 0; i < 64 * words; i++) {
            bits[i / 64] |= (uint64_t)(rotated[i] >= 0.0f) << i % 64;
            squares[i % ER_LANES] += rotated[i] * rotated[i];
            sizes[i % ER_LANES] += fabsf(rotated[i]);
        }
        factors[row] = er_sketch_factor(er_sum_lanes(squares), er_sum_lanes(sizes));
    }
}
