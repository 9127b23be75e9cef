#include <string.h>

#include "../families.h"

typedef struct {
    er_bag_table table;
    er_bags bags;
    size_t m;
} bag_case;

/* Rows of drawn codes behind drawn scales, at times with a rest. */
static er_bag_table take_rows(check *c, int bits) {
    size_t dim = draw_length(&c->draw, 200), n = 1 + draw_below(&c->draw, 40);
    size_t stride = er_bag_row_bytes(dim, bits) + draw_below(&c->draw, 5);
    uint8_t *rows = memory_take(&c->draw, n * stride, 1);
    draw_codes(&c->draw, (int8_t *)rows, n * stride, 127);
    float *scales = take_scales(c, n);
    if (draw_one_in(&c->draw, 20)) draw_faults(&c->draw, scales, n);
    for (size_t i = 0; i < n; i++) memcpy(rows + i * stride, scales + i, sizeof *scales);
    return (er_bag_table){rows, n, stride, dim};
}

static int64_t *take_offsets(check *c, size_t bags, size_t *m) {
    int64_t *offsets = memory_take(&c->draw, (bags + 1) * sizeof *offsets, sizeof *offsets);
    int64_t last = draw_below(&c->draw, 3);
    for (size_t i = 0; i <= bags; i++) {
        offsets[i] = last;
        last += draw_below(&c->draw, draw_one_in(&c->draw, 8) ? 120 : 9);
    }
    *m = (size_t)offsets[bags] + draw_below(&c->draw, 3);
    if (draw_one_in(&c->draw, 20)) offsets[draw_below(&c->draw, (uint32_t)bags + 1)] = -1;
    return offsets;
}

static int64_t *take_wide(check *c, const int32_t *ids, size_t m) {
    int64_t *wide = memory_take(&c->draw, m * sizeof *wide, sizeof *wide);
    for (size_t i = 0; i < m; i++) wide[i] = ids[i];
    return wide;
}

static void draw_bags(check *c, bag_case *in, int bits) {
    in->table = take_rows(c, bits);
    in->bags = (er_bags){.n = draw_below(&c->draw, 8), .mean = draw_one_in(&c->draw, 2)};
    in->bags.offsets = take_offsets(c, in->bags.n, &in->m);
    in->bags.ids32 = take_row_numbers(c, in->m, in->table.n);
    if (draw_one_in(&c->draw, 2)) {
        in->bags.ids64 = take_wide(c, in->bags.ids32, in->m);
        in->bags.ids32 = NULL;
    }
    if (draw_one_in(&c->draw, 2)) in->bags.weights = take_floats(c, in->m);
}

static void draw_i8(check *c, void *inputs) { draw_bags(c, inputs, 8); }
static void draw_i4(check *c, void *inputs) { draw_bags(c, inputs, 4); }

static void room(check *c, const void *inputs, answer *out) {
    const bag_case *in = inputs;
    take_floats_room(c, out, "sums", in->bags.n * in->table.dim);
}

static void run(const er_kernel *kernel, const bag_case *in, int bits, answer *out) {
    size_t at;
    out->status = er_bag_sums(kernel, &in->table, &in->bags, bits, in->m, out->outputs[0].at, &at);
    out->count = at;
}

static void run_i8(const er_kernel *kernel, const void *inputs, answer *out) {
    run(kernel, inputs, 8, out);
}

static void run_i4(const er_kernel *kernel, const void *inputs, answer *out) {
    run(kernel, inputs, 4, out);
}

const check_family check_bag_i8 = {"bag_i8", "bag_i8", draw_i8, room, run_i8};
const check_family check_bag_i4 = {"bag_i4", "bag_i4", draw_i4, room, run_i4};

typedef struct {
    size_t n, dim, stride;
    const float *x;
    int bits;
} packing;

static void draw_packing(check *c, void *inputs) {
    packing *in = inputs;
    in->n = draw_below(&c->draw, 8);
    in->dim = draw_length(&c->draw, 200);
    in->bits = draw_one_in(&c->draw, 2) ? 8 : 4;
    in->stride = er_bag_row_bytes(in->dim, in->bits) + draw_below(&c->draw, 5);
    float *x = take_floats(c, in->n * in->dim);
    draw_faults(&c->draw, x, in->n * in->dim);
    in->x = x;
}

static void room_of_rows(check *c, const void *inputs, answer *out) {
    const packing *in = inputs;
    take_room(c, out, "rows", in->n * in->stride, 1);
}

static void run_packing(const er_kernel *kernel, const void *inputs, answer *out) {
    const packing *in = inputs;
    size_t done;
    out->status =
        er_bag_pack(kernel, in->x, in->n, in->dim, in->bits, out->outputs[0].at, in->stride, &done);
    out->count = done;
}

const check_family check_bag_pack = {"bag_pack", "quantize_f32", draw_packing, room_of_rows,
                                     run_packing};
