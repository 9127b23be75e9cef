#include "../families.h"

typedef struct {
    const float *x;
    const int8_t *signs;
    size_t n, dim, bits, n_rounds;
} rotation;

static void draw_rotation(check *c, void *inputs) {
    rotation *in = inputs;
    in->bits = 64 * (1 + draw_below(&c->draw, 12));
    in->dim = draw_below(&c->draw, (uint32_t)in->bits + 1);
    if (draw_one_in(&c->draw, 40)) in->bits += draw_one_in(&c->draw, 2) ? 1 : ER_ROTATE_MAX_BITS;
    in->n = draw_below(&c->draw, 6);
    in->n_rounds = draw_below(&c->draw, 7);
    in->x = take_floats(c, in->n * in->dim);
    int8_t *signs = memory_take(&c->draw, in->n_rounds * in->bits, 1);
    for (size_t i = 0; i < in->n_rounds * in->bits; i++)
        signs[i] = draw_one_in(&c->draw, 2) ? 1 : -1;
    if (in->n_rounds && draw_one_in(&c->draw, 40)) signs[in->bits / 2] = 0;
    in->signs = signs;
}

static void room(check *c, const void *inputs, answer *out) {
    const rotation *in = inputs;
    take_floats_room(c, out, "out", in->n * in->bits);
}

static void run(const er_kernel *kernel, const void *inputs, answer *out) {
    const rotation *in = inputs;
    out->status = er_rotate_f32(kernel, in->x, in->n, in->dim, in->bits, in->signs, in->n_rounds,
                                out->outputs[0].at);
}

const check_family check_rotate_f32 = {"rotate_f32", "rotate_f32", draw_rotation, room, run};
