#include <string.h>

#include "hadamard.h"
#include "rotate.h"

er_rotate_f32_fn er_rotate_f32_scalar;

static void transform(float *x, size_t n) {
    for (size_t half = 1; half < n; half *= 2)
        for (size_t block = 0; block < n; block += 2 * half)
            for (size_t i = block; i < block + half; i++) {
                float a = x[i], b = x[i + half];
                x[i] = a + b;
                x[i + half] = a - b;
            }
    float scale = er_hadamard_scale(n);
    for (size_t i = 0; i < n; i++) x[i] *= scale;
}

void er_rotate_f32_scalar(const float *x, size_t n, size_t dim, size_t bits, const int8_t *signs,
                          size_t n_rounds, float *out) {
    size_t part = er_hadamard_size(bits);
    for (size_t row = 0; row < n; row++, x += dim, out += bits) {
        memcpy(out, x, dim * sizeof *x);
        memset(out + dim, 0, (bits - dim) * sizeof *x);
        for (size_t round = 0; round < n_rounds; round++) {
            for (size_t i = 0; i < bits; i++) out[i] *= signs[round * bits + i];
            transform(round % 2 ? out + bits - part : out, part);
        }
    }
}
