#include "rerank.h"

#include <math.h>

#include "gather.h"

static size_t first_not_finite(const float *values, size_t m) {
    size_t i = 0;
    while (i < m && isfinite(values[i])) i++;
    return i;
}

er_status er_rerank_f32(const er_kernel *kernel, const float *query, const float *vectors, size_t n,
                        size_t dim, const int32_t *rows, size_t m, float *out, size_t *at) {
    *at = er_first_outside(rows, m, n);
    if (*at < m) return ER_BAD_ROW;
    ((er_inner_f32_fn *)kernel->fn)(query, vectors, dim, rows, m, out);
    *at = first_not_finite(out, m);
    return *at < m ? ER_NOT_FINITE : ER_OK;
}

er_status er_rerank_f16(const er_kernel *kernel, const float *query, const uint16_t *vectors,
                        size_t n, size_t dim, const int32_t *rows, size_t m, float *out,
                        size_t *at) {
    *at = er_first_outside(rows, m, n);
    if (*at < m) return ER_BAD_ROW;
    ((er_inner_f16_fn *)kernel->fn)(query, vectors, dim, rows, m, out);
    *at = first_not_finite(out, m);
    return *at < m ? ER_NOT_FINITE : ER_OK;
}
