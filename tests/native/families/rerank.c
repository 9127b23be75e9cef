#include "../families.h"

typedef struct {
    size_t n, dim, m;
    const float *query;
    const void *vectors; /* float32 or float16 */
    const int32_t *rows;
} gathering;

static void draw_query_and_rows(check *c, gathering *in) {
    in->dim = draw_length(&c->draw, 300);
    in->n = draw_below(&c->draw, 40);
    in->m = in->n ? draw_length(&c->draw, 40) : 0;
    in->query = take_floats(c, in->dim);
    in->rows = take_row_numbers(c, in->m, in->n);
}

static void draw_f32(check *c, void *inputs) {
    gathering *in = inputs;
    draw_query_and_rows(c, in);
    float *vectors = take_floats(c, in->n * in->dim);
    draw_faults(&c->draw, vectors, in->n * in->dim);
    in->vectors = vectors;
}

/* Halves of any bits, subnormal, infinite and NaN among them; or of numbers below 2. */
static void draw_f16(check *c, void *inputs) {
    gathering *in = inputs;
    draw_query_and_rows(c, in);
    size_t n = in->n * in->dim;
    bool any = draw_one_in(&c->draw, 4);
    uint16_t *halves = memory_take(&c->draw, n * sizeof(uint16_t), sizeof(uint16_t));
    draw_bitmap(&c->draw, (uint8_t *)halves, n * sizeof(uint16_t));
    for (size_t i = 0; i < n && !any; i++) halves[i] &= 0xBFFF;
    in->vectors = halves;
}

static void room(check *c, const void *inputs, answer *out) {
    const gathering *in = inputs;
    take_floats_room(c, out, "scores", in->m);
}

/* A position is written with these two alone. */
static void keep_position(answer *out, size_t at) {
    out->count = out->status == ER_BAD_ROW || out->status == ER_NOT_FINITE ? at : 0;
}

static void run_f32(const er_kernel *kernel, const void *inputs, answer *out) {
    const gathering *in = inputs;
    size_t at = 0;
    out->status = er_rerank_f32(kernel, in->query, in->vectors, in->n, in->dim, in->rows, in->m,
                                out->outputs[0].at, &at);
    keep_position(out, at);
}

static void run_f16(const er_kernel *kernel, const void *inputs, answer *out) {
    const gathering *in = inputs;
    size_t at = 0;
    out->status = er_rerank_f16(kernel, in->query, in->vectors, in->n, in->dim, in->rows, in->m,
                                out->outputs[0].at, &at);
    keep_position(out, at);
}

typedef struct {
    er_query_i8 query;
    er_rows_i8 table;
    size_t m;
    const int32_t *rows;
} gathering_i8;

static void draw_i8(check *c, void *inputs) {
    gathering_i8 *in = inputs;
    size_t dim = draw_length(&c->draw, 300), n = draw_below(&c->draw, 40);
    in->m = n ? draw_length(&c->draw, 40) : 0;
    in->query = take_query(c, dim);
    in->table = take_table(c, n, dim);
    in->rows = take_row_numbers(c, in->m, n);
}

static void room_i8(check *c, const void *inputs, answer *out) {
    const gathering_i8 *in = inputs;
    take_floats_room(c, out, "scores", in->m);
}

static void run_inner_i8(const er_kernel *kernel, const void *inputs, answer *out) {
    const gathering_i8 *in = inputs;
    size_t at = 0;
    out->status =
        er_inner_i8(kernel, &in->query, &in->table, in->rows, in->m, out->outputs[0].at, &at);
    keep_position(out, at);
}

const check_family check_inner_f32 = {"inner_f32", "inner_f32", draw_f32, room, run_f32};
const check_family check_inner_f16 = {"inner_f16", "inner_f16", draw_f16, room, run_f16};
const check_family check_cosine_f32 = {"cosine_f32", "cosine_f32", draw_f32, room, run_f32};
const check_family check_cosine_f16 = {"cosine_f16", "cosine_f16", draw_f16, room, run_f16};
const check_family check_l2_f32 = {"l2_f32", "l2_f32", draw_f32, room, run_f32};
const check_family check_l2_f16 = {"l2_f16", "l2_f16", draw_f16, room, run_f16};
const check_family check_inner_i8 = {"inner_i8", "inner_i8", draw_i8, room_i8, run_inner_i8};
