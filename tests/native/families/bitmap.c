#include <string.h>

#include "../families.h"

typedef struct {
    const uint8_t *set, *other;
    size_t n, start, stop; /* rows of the set, and those that are counted */
    er_join join;
} bitmaps;

static void draw_sets(check *c, void *inputs) {
    bitmaps *in = inputs;
    in->n = draw_length(&c->draw, 20000);
    size_t n_bytes = (in->n + 7) / 8;
    uint8_t *sets[2];
    for (size_t i = 0; i < 2; i++) {
        sets[i] = memory_take(&c->draw, n_bytes, 1);
        draw_bitmap(&c->draw, sets[i], n_bytes);
    }
    in->set = sets[0];
    in->other = sets[1];
    in->join = (er_join)draw_below(&c->draw, ER_JOINS);
    in->stop = draw_below(&c->draw, (uint32_t)in->n + 1);
    in->start = draw_below(&c->draw, (uint32_t)in->stop + 1);
}

static void room_join(check *c, const void *inputs, answer *out) {
    const bitmaps *in = inputs;
    take_room(c, out, "set", (in->n + 7) / 8, 1);
}

static void run_join(const er_kernel *kernel, const void *inputs, answer *out) {
    const bitmaps *in = inputs;
    memcpy(out->outputs[0].at, in->set, (in->n + 7) / 8);
    ((er_join_b1_fn *)kernel->fn)(out->outputs[0].at, in->other, (in->n + 7) / 8, in->join);
}

static void room_count(check *c, const void *inputs, answer *out) {
    (void)c, (void)inputs, (void)out;
}

static void run_count(const er_kernel *kernel, const void *inputs, answer *out) {
    const bitmaps *in = inputs;
    out->count = er_bitmap_count(kernel, in->set, in->start, in->stop);
}

const check_family check_join_b1 = {"join_b1", "join_b1", draw_sets, room_join, run_join};
const check_family check_count_b1 = {"count_b1", "count_b1", draw_sets, room_count, run_count};

enum { MOST_SETS = 4, MOST_STEPS = 12 };

typedef struct {
    const uint8_t *sets[MOST_SETS];
    er_bitmap_step steps[MOST_STEPS];
    size_t n, n_sets, n_steps;
} program;

/* Steps that mostly run through: what is pushed is joined again. */
static void draw_steps(draw *d, program *in) {
    size_t depth = 0;
    in->n_steps = draw_below(d, MOST_STEPS + 1);
    for (size_t i = 0; i < in->n_steps; i++) {
        bool pushes = depth == 0 || (i + depth < in->n_steps && draw_one_in(d, 3));
        bool pops = !pushes && depth > 1 && draw_one_in(d, 2);
        uint32_t join = pushes ? draw_below(d, ER_JOIN_AND)
                               : ER_JOIN_AND + draw_below(d, ER_JOINS - ER_JOIN_AND);
        int32_t input = pops ? ER_POPPED : (int32_t)draw_below(d, (uint32_t)in->n_sets);
        if (draw_one_in(d, 60)) input = (int32_t)in->n_sets;
        in->steps[i] = (er_bitmap_step){(er_join)join, input};
        depth = depth + pushes - pops;
    }
    for (; depth > 1 && in->n_steps < MOST_STEPS; depth--)
        in->steps[in->n_steps++] = (er_bitmap_step){ER_JOIN_OR, ER_POPPED};
}

static void draw_program(check *c, void *inputs) {
    program *in = inputs;
    in->n = draw_one_in(&c->draw, 8) ? 32768 + draw_below(&c->draw, 40000)
                                     : draw_length(&c->draw, 3000);
    in->n_sets = 1 + draw_below(&c->draw, MOST_SETS);
    for (size_t i = 0; i < in->n_sets; i++) {
        uint8_t *set = memory_take(&c->draw, (in->n + 7) / 8, 1);
        draw_bitmap(&c->draw, set, (in->n + 7) / 8);
        in->sets[i] = set;
    }
    draw_steps(&c->draw, in);
}

static void room_program(check *c, const void *inputs, answer *out) {
    const program *in = inputs;
    take_room(c, out, "set", (in->n + 7) / 8, 1);
    out->scratch = memory_take(&c->draw, er_bitmap_workspace(), 1);
}

/* Whether the kernel that counts is the scalar one or another is the other checks' matter. */
static void run_program(const er_kernel *kernel, const void *inputs, answer *out) {
    const program *in = inputs;
    const er_kernel *count = NULL;
    er_kernel_find("count_b1", "scalar", NULL, 0, &count);
    out->status = er_bitmap_combine(kernel, count, in->sets, in->n_sets, in->steps, in->n_steps,
                                    in->n, out->outputs[0].at, out->scratch, &out->count);
}

const check_family check_combine_b1 = {"combine_b1", "join_b1", draw_program, room_program,
                                       run_program};
