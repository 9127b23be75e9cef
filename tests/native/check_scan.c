#include "check.h"

void check_scan_i8(check *c) {
    size_t dim = draw_length(&c->draw, 400), n = draw_rows(&c->draw, dim);
    size_t k = draw_k(&c->draw, n);
    er_query_i8 query = take_query(c, dim);
    er_rows_i8 table = take_table(c, n, dim);
    table.eligible = take_eligible(c, n);
    ranked expected = {0};
    for (size_t i = 0; i < c->n_kernels; i++) {
        c->now = c->kernels[i];
        ranked got = ranked_take(c, k, n);
        got.status =
            er_scan_i8(c->now, &query, &table, k, got.keys, got.rows, got.scores, &got.found);
        if (i == 0) expected = got;
        expect_ranked(c, &expected, &got);
    }
}
