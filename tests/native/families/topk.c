#include "../families.h"

typedef struct {
    size_t n, k;
    const float *values;
    const uint8_t *eligible;
} topk;

static void draw_case(check *c, void *inputs) {
    topk *in = inputs;
    in->n = draw_length(&c->draw, draw_one_in(&c->draw, 20) ? 60000 : 3000);
    in->k = draw_k(&c->draw, in->n);
    float *values = take_floats(c, in->n);
    draw_faults(&c->draw, values, in->n);
    in->values = values;
    in->eligible = take_eligible(c, in->n);
}

static void room(check *c, const void *inputs, answer *out) {
    const topk *in = inputs;
    take_ranked_room(c, out, in->k, in->n);
}

static void run(const er_kernel *kernel, const void *inputs, answer *out) {
    const topk *in = inputs;
    out->status = er_topk_f32(kernel, in->values, in->n, in->eligible, in->k, out->scratch,
                              out->outputs[0].at, out->outputs[1].at, &out->count);
}

const check_family check_topk_f32 = {"topk_f32", "topk_f32", draw_case, room, run};
