#include "quantize.h"

er_status er_quantize_f32(const er_kernel *kernel, const float *x, size_t n, size_t dim,
                          int8_t *codes, float *scales, size_t *done) {
    ((er_quantize_f32_fn *)kernel->fn)(x, n, dim, codes, scales, done);
    return *done == n ? ER_OK : ER_NOT_FINITE;
}

er_status er_quantize_columns_f32(const er_kernel *kernel, const float *x, size_t n, size_t dim,
                                  int8_t *codes, float *scales, size_t *done) {
    ((er_quantize_columns_f32_fn *)kernel->fn)(x, n, dim, codes, scales, done);
    return *done == n ? ER_OK : ER_NOT_FINITE;
}
