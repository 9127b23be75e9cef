#include "check.h"

void check_topk_f32(check *c) {
    size_t n = draw_length(&c->draw, 3000), k = draw_k(&c->draw, n);
    float *values = take_floats(c, n);
    draw_faults(&c->draw, values, n);
    uint8_t *eligible = take_eligible(c, n);
    ranked expected = {0};
    for (size_t i = 0; i < c->n_kernels; i++) {
        c->now = c->kernels[i];
        ranked got = ranked_take(c, k, n);
        got.status =
            er_topk_f32(c->now, values, n, eligible, k, got.keys, got.rows, got.scores, &got.found);
        if (i == 0) expected = got;
        expect_ranked(c, &expected, &got);
    }
}
