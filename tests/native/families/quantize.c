#include "../families.h"

typedef struct {
    size_t n, dim;
    const float *x;
} quantization;

static void draw_case(check *c, void *inputs) {
    quantization *in = inputs;
    in->dim = draw_length(&c->draw, 300);
    in->n = draw_below(&c->draw, 8);
    float *x = take_floats(c, in->n * in->dim);
    draw_faults(&c->draw, x, in->n * in->dim);
    in->x = x;
}

static void room(check *c, const void *inputs, answer *out) {
    const quantization *in = inputs;
    take_room(c, out, "codes", in->n * in->dim, 1);
    take_floats_room(c, out, "scales", in->n);
}

static void run(const er_kernel *kernel, const void *inputs, answer *out) {
    const quantization *in = inputs;
    out->status = er_quantize_f32(kernel, in->x, in->n, in->dim, out->outputs[0].at,
                                  out->outputs[1].at, &out->count);
}

static void room_of_columns(check *c, const void *inputs, answer *out) {
    const quantization *in = inputs;
    take_room(c, out, "codes", in->n * in->dim, 1);
    take_floats_room(c, out, "scales", in->dim);
}

static void run_columns(const er_kernel *kernel, const void *inputs, answer *out) {
    const quantization *in = inputs;
    out->status = er_quantize_columns_f32(kernel, in->x, in->n, in->dim, out->outputs[0].at,
                                          out->outputs[1].at, &out->count);
}

const check_family check_quantize_columns_f32 = {"quantize_columns_f32", "quantize_columns_f32",
                                                 draw_case, room_of_columns, run_columns};
const check_family check_quantize_f32 = {"quantize_f32", "quantize_f32", draw_case, room, run};
