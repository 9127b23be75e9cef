#include <math.h>

#include "../families.h"

typedef struct {
    const float *rotated;
    size_t n, words;
} vectors;

static size_t draw_words(draw *d) {
    return draw_one_in(d, 8) ? 1 + draw_below(d, ER_SKETCH_MAX_WORDS) : 1 + draw_below(d, 9);
}

static void draw_vectors(check *c, void *inputs) {
    vectors *in = inputs;
    in->words = draw_words(&c->draw);
    in->n = draw_below(&c->draw, 20);
    float *rotated = take_floats(c, in->n * in->words * 64);
    draw_faults(&c->draw, rotated, in->n * in->words * 64);
    in->rotated = rotated;
}

static void room_sketches(check *c, const void *inputs, answer *out) {
    const vectors *in = inputs;
    take_room(c, out, "bits", in->n * in->words * sizeof(uint64_t), sizeof(uint64_t));
    take_floats_room(c, out, "factors", in->n);
}

static void run_sketch(const er_kernel *kernel, const void *inputs, answer *out) {
    const vectors *in = inputs;
    out->status = er_sketch_f32(kernel, in->rotated, in->n, in->words, out->outputs[0].at,
                                out->outputs[1].at, &out->count);
}

const check_family check_sketch_f32 = {"sketch_f32", "sketch_f32", draw_vectors, room_sketches,
                                       run_sketch};

typedef struct {
    er_queries_b1 queries;
    er_rows_b1 table;
    take_ranges ranges;
    const float *bases;
    size_t k;
} scan;

static const uint64_t *take_words(check *c, size_t n) {
    uint64_t *words = memory_take(&c->draw, n * sizeof *words, sizeof *words);
    draw_bitmap(&c->draw, (uint8_t *)words, n * sizeof *words);
    return words;
}

static const float *take_bases(check *c, size_t n) {
    if (draw_one_in(&c->draw, 2)) return NULL;
    float *bases = take_floats(c, n);
    draw_faults(&c->draw, bases, n);
    return bases;
}

static void draw_scan(check *c, scan *in, size_t n_queries) {
    size_t words = draw_words(&c->draw), n = draw_rows(&c->draw, 8 * words);
    float *steps = take_scales(c, n_queries), *factors = take_scales(c, n);
    if (n_queries && draw_one_in(&c->draw, 40)) steps[n_queries - 1] = NAN;
    draw_faults(&c->draw, factors, n);
    in->queries.n = n_queries;
    in->queries.n_planes = 1 + draw_below(&c->draw, ER_SKETCH_MAX_PLANES);
    in->queries.planes = take_words(c, n_queries * in->queries.n_planes * words);
    in->queries.steps = steps;
    in->table = (er_rows_b1){.bits = take_words(c, n * words),
                             .factors = factors,
                             .offsets = take_bases(c, n),
                             .eligible = take_eligible(c, n),
                             .n = n,
                             .words = words,
                             .first_row = (int32_t)draw_below(&c->draw, 2) * 1000};
    in->ranges = take_ranges_of(c, n);
    in->k = draw_k(&c->draw, n);
}

static void draw_one(check *c, void *inputs) {
    scan *in = inputs;
    draw_scan(c, in, 1);
    in->bases = take_bases(c, in->ranges.n);
}

static void room_one(check *c, const void *inputs, answer *out) {
    const scan *in = inputs;
    const size_t most = in->k < in->table.n ? in->k : in->table.n;
    take_room(c, out, "rows", most * sizeof(int32_t), sizeof(int32_t));
    take_floats_room(c, out, "scores", most);
    const size_t n_bytes = most && most <= ER_TOPK_MAX ? er_best_workspace(most) : 0;
    out->scratch = memory_take(&c->draw, n_bytes, _Alignof(max_align_t));
}

static er_scan_b1_kernels with_reach(const er_kernel *kernel) {
    return (er_scan_b1_kernels){kernel, check_beside(kernel, "reach_f32")};
}

static void run_one(const er_kernel *kernel, const void *inputs, answer *out) {
    const scan *in = inputs;
    const er_scan_b1_kernels kernels = with_reach(kernel);
    er_query_b1 query = {in->queries.planes, in->queries.n_planes, in->queries.steps[0]};
    out->status =
        er_scan_b1(&kernels, &query, &in->table, in->ranges.at, in->bases, in->ranges.n, in->k,
                   out->scratch, out->outputs[0].at, out->outputs[1].at, &out->count);
}

const check_family check_scan_b1 = {"scan_b1", "scan_b1", draw_one, room_one, run_one};

static void draw_many(check *c, void *inputs) {
    scan *in = inputs;
    draw_scan(c, in, draw_below(&c->draw, 9));
}

static void room_many(check *c, const void *inputs, answer *out) {
    const scan *in = inputs;
    size_t n = in->queries.n, width = in->k < in->table.n ? in->k : in->table.n;
    take_room(c, out, "rows", n * width * sizeof(int32_t), sizeof(int32_t));
    take_floats_room(c, out, "scores", n * width);
    take_room(c, out, "found", n * sizeof(int32_t), sizeof(int32_t));
    size_t n_bytes = er_scan_many_b1_workspace(n, in->table.n, in->k);
    out->scratch = memory_take(&c->draw, n_bytes, _Alignof(max_align_t));
}

static void run_many(const er_kernel *kernel, const void *inputs, answer *out) {
    const scan *in = inputs;
    const er_scan_b1_kernels kernels = with_reach(kernel);
    out->status =
        er_scan_many_b1(&kernels, &in->queries, &in->table, in->ranges.at, in->ranges.n, in->k,
                        out->scratch, out->outputs[0].at, out->outputs[1].at, out->outputs[2].at);
}

const check_family check_scan_many_b1 = {"scan_many_b1", "scan_b1", draw_many, room_many, run_many};
