#include "check.h"

typedef struct {
    er_status status;
    size_t done;
    int8_t *codes;
    float *scales;
} quantized;

void check_quantize_f32(check *c) {
    size_t dim = draw_length(&c->draw, 300), n = draw_below(&c->draw, 8);
    float *x = take_floats(c, n * dim);
    draw_faults(&c->draw, x, n * dim);
    quantized expected = {0};
    for (size_t i = 0; i < c->n_kernels; i++) {
        c->now = c->kernels[i];
        quantized got = {.codes = memory_take(&c->draw, n * dim, 1),
                         .scales = memory_take(&c->draw, n * sizeof(float), sizeof(float))};
        got.status = er_quantize_f32(c->now, x, n, dim, got.codes, got.scales, &got.done);
        if (i == 0) expected = got;
        expect_equal(c, "status", expected.status, got.status);
        expect_equal(c, "done", (long long)expected.done, (long long)got.done);
        expect_bytes(c, "codes", expected.codes, got.codes, n * dim); /* the rest stays as it was */
        expect_bytes(c, "scales", expected.scales, got.scales, n * sizeof(float));
    }
}
