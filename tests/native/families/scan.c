#include "../families.h"

typedef struct {
    er_query_i8 query;
    er_rows_i8 table;
    take_ranges ranges;
    size_t k;
} scan;

static void draw_case(check *c, void *inputs) {
    scan *in = inputs;
    size_t dim = draw_length(&c->draw, 400), n = draw_rows(&c->draw, dim);
    in->k = draw_k(&c->draw, n);
    in->query = take_query(c, dim);
    in->table = take_table(c, n, dim);
    in->table.eligible = take_eligible(c, n);
    in->ranges = take_ranges_of(c, n);
}

static void room(check *c, const void *inputs, answer *out) {
    const scan *in = inputs;
    take_ranked_room(c, out, in->k, in->table.n);
}

static void run(const er_kernel *kernel, const void *inputs, answer *out) {
    const scan *in = inputs;
    out->status = er_scan_i8(kernel, &in->query, &in->table, in->ranges.at, in->ranges.n, in->k,
                             out->scratch, out->outputs[0].at, out->outputs[1].at, &out->count);
}

const check_family check_scan_i8 = {"scan_i8", "scan_i8", draw_case, room, run};

typedef struct {
    er_queries_i8 queries;
    er_rows_i8 table;
    take_ranges ranges;
    const er_lookups *lookups;
    er_lookups seen;
    size_t k;
} scan_many;

static void draw_many(check *c, void *inputs) {
    scan_many *in = inputs;
    size_t dim = draw_length(&c->draw, 400), n = draw_rows(&c->draw, 4 * dim);
    in->k = draw_k(&c->draw, n);
    in->queries.n = draw_length(&c->draw, n < 200 ? 150 : 10);
    in->queries.codes = take_codes(c, in->queries.n * dim, draw_one_in(&c->draw, 40) ? 128 : 127);
    in->queries.scales = take_scales(c, in->queries.n);
    in->table = take_table(c, n, dim);
    in->table.eligible = take_eligible(c, n);
    in->ranges = take_ranges_of(c, n);
    in->lookups = take_lookups(c, &in->seen, in->ranges.n, in->queries.n);
}

static void many_room(check *c, const void *inputs, answer *out) {
    const scan_many *in = inputs;
    size_t n = in->queries.n, width = in->k < in->table.n ? in->k : in->table.n;
    size_t k = in->k < 1 || in->k > ER_TOPK_MAX ? 1 : in->k;
    take_room(c, out, "rows", n * width * sizeof(int32_t), sizeof(int32_t));
    take_floats_room(c, out, "scores", n * width);
    take_room(c, out, "found", n * sizeof(int32_t), sizeof(int32_t));
    out->scratch =
        memory_take(&c->draw, er_scan_many_i8_workspace(n, in->lookups, in->table.dim, k), 1);
}

static void run_many(const er_kernel *kernel, const void *inputs, answer *out) {
    const scan_many *in = inputs;
    out->status = er_scan_many_i8(kernel, &in->queries, &in->table, in->ranges.at, in->ranges.n,
                                  in->lookups, in->k, out->scratch, out->outputs[0].at,
                                  out->outputs[1].at, out->outputs[2].at);
}

const check_family check_scan_many_i8 = {"scan_many_i8", "scan_many_i8", draw_many, many_room,
                                         run_many};
