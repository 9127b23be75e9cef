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

const check_family check_scan_i8 = {"scan_i8", draw_case, room, run};
