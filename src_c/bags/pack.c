#include <float.h>
#include <math.h>

#include "../quantize/quantize.h"
#include "rows.h"

enum { LIMIT_I4 = 7 };

/* false if a value is not finite. */
static bool quantize_i4(const float *x, size_t dim, uint8_t *codes, float *scale) {
    float largest = 0.0f;
    for (size_t d = 0; d < dim; d++) {
        if (!isfinite(x[d])) return false;
        largest = fmaxf(largest, fabsf(x[d]));
    }
    *scale = largest > 0.0f ? fmaxf(largest / LIMIT_I4, FLT_MIN) : 1.0f;
    memset(codes, 0, er_bag_code_bytes(dim, 4));
    for (size_t d = 0; d < dim; d++) {
        unsigned nibble = (unsigned)lrintf(x[d] / *scale) & 0xF;
        codes[d / 2] |= (uint8_t)(nibble << 4 * (d % 2));
    }
    return true;
}

static bool quantize_i8(const er_kernel *quantize, const float *x, size_t dim, uint8_t *codes,
                        float *scale) {
    size_t done;
    ((er_quantize_f32_fn *)quantize->fn)(x, 1, dim, (int8_t *)codes, scale, &done);
    return done == 1;
}

er_status er_bag_pack(const er_kernel *quantize, const float *x, size_t n, size_t dim, int bits,
                      uint8_t *rows, size_t stride, size_t *done) {
    size_t used = er_bag_row_bytes(dim, bits);
    *done = 0;
    if (used > stride) return ER_TOO_LONG;
    for (; *done < n; (*done)++, x += dim, rows += stride) {
        uint8_t *codes = rows + SCALE_BYTES;
        float scale;
        bool finite = bits == 8 ? quantize_i8(quantize, x, dim, codes, &scale)
                                : quantize_i4(x, dim, codes, &scale);
        if (!finite) return ER_NOT_FINITE;
        memcpy(rows, &scale, SCALE_BYTES);
        memset(rows + used, 0, stride - used);
    }
    return ER_OK;
}
