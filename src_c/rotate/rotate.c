#include "rotate.h"

static bool are_signs(const int8_t *signs, size_t n) {
    uint8_t odd = 0; /* stays 0 if |sign| is 1 everywhere */
    for (size_t i = 0; i < n; i++) odd |= (uint8_t)(signs[i] * signs[i] != 1);
    return !odd;
}

er_status er_rotate_f32(const er_kernel *kernel, const float *x, size_t n, size_t dim, size_t bits,
                        const int8_t *signs, size_t n_rounds, float *out) {
    if (bits < 64 || bits % 64 || bits > ER_ROTATE_MAX_BITS || dim > bits) return ER_TOO_LONG;
    if (!are_signs(signs, n_rounds * bits)) return ER_BAD_CODE;
    ((er_rotate_f32_fn *)kernel->fn)(x, n, dim, bits, signs, n_rounds, out);
    return ER_OK;
}
