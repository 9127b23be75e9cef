#include <float.h>
#include <math.h>

#include "quantize.h"

er_quantize_f32_fn er_quantize_f32_scalar;

void er_quantize_f32_scalar(const float *x, size_t n, size_t dim, int8_t *codes, float *scales,
                            size_t *done) {
    for (*done = 0; *done < n; (*done)++, x += dim, codes += dim, scales++) {
        float largest = 0.0f;
        for (size_t i = 0; i < dim; i++) {
            if (!isfinite(x[i])) return;
            largest = fmaxf(largest, fabsf(x[i]));
        }
        float scale = largest > 0.0f ? fmaxf(largest / 127.0f, FLT_MIN) : 1.0f;
        for (size_t i = 0; i < dim; i++) codes[i] = (int8_t)lrintf(x[i] / scale);
        *scales = scale;
    }
}
