#include <float.h>
#include <math.h>

#include "quantize.h"

er_quantize_columns_f32_fn er_quantize_columns_f32_scalar;

/* Row by row, so that memory is read as it lies. `scales` holds the largest |x| of the columns until
 * every row was seen. */
void er_quantize_columns_f32_scalar(const float *x, size_t n, size_t dim, int8_t *codes,
                                    float *scales, size_t *done) {
    for (*done = 0; *done < n; (*done)++)
        for (size_t d = 0; d < dim; d++)
            if (!isfinite(x[*done * dim + d])) return;
    for (size_t d = 0; d < dim; d++) scales[d] = 0.0f;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) scales[d] = fmaxf(scales[d], fabsf(x[i * dim + d]));
    for (size_t d = 0; d < dim; d++)
        scales[d] = scales[d] > 0.0f ? fmaxf(scales[d] / 127.0f, FLT_MIN) : 1.0f;
    for (size_t i = 0; i < n * dim; i += dim)
        for (size_t d = 0; d < dim; d++) codes[i + d] = (int8_t)lrintf(x[i + d] / scales[d]);
}
