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

const check_family check_join_b1 = {"join_b1", draw_sets, room_join, run_join};
const check_family check_count_b1 = {"count_b1", draw_sets, room_count, run_count};
