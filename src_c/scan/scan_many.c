#include "scan_many.h"

#include <math.h>

#include "../topk/eligible.h"
#include "check.h"

enum { ALIGN = 64 };

/* A call's own memory, cut out of the caller's. */
typedef struct {
    er_topk *tops;
    er_key *keys;
    void *scratch;
} parts;

static size_t aligned(size_t n_bytes) { return (n_bytes + ALIGN - 1) / ALIGN * ALIGN; }

/* Passes of about equal size cost less than full ones and a small last one. */
static size_t together(size_t n_queries, const er_lookups *lookups) {
    if (lookups || n_queries == 0) return n_queries;
    size_t passes = (n_queries + ER_SCAN_TOGETHER - 1) / ER_SCAN_TOGETHER;
    return (n_queries + passes - 1) / passes;
}

size_t er_scan_many_i8_scratch(size_t n_queries, size_t dim) {
    size_t words = 2 * ((dim + 3) / 4); /* of a query or a row: as int16, in whole fours */
    return aligned(ER_BLOCK * words * sizeof(int32_t)) +
           aligned(n_queries * (words + 1) * sizeof(int32_t)) + aligned(n_queries * sizeof(float));
}

size_t er_scan_many_i8_workspace(size_t n_queries, const er_lookups *lookups, size_t dim,
                                 size_t k) {
    size_t n = together(n_queries, lookups);
    return ALIGN + aligned(n * sizeof(er_topk)) +
           aligned(n * er_topk_workspace(k) * sizeof(er_key)) + er_scan_many_i8_scratch(n, dim);
}

static parts cut(void *workspace, size_t n, size_t k) {
    char *at = (char *)aligned((uintptr_t)workspace);
    parts p = {.tops = (er_topk *)at};
    p.keys = (er_key *)(at += aligned(n * sizeof(er_topk)));
    p.scratch = at + aligned(n * er_topk_workspace(k) * sizeof(er_key));
    return p;
}

static er_status check(const er_queries_i8 *queries, const er_rows_i8 *table,
                       const er_range *ranges, size_t n_ranges, const er_lookups *lookups,
                       size_t k) {
    er_status status = er_scan_check_table(table, ranges, n_ranges, k);
    if (status == ER_OK && queries->n > INT32_MAX) status = ER_TOO_LONG;
    if (status == ER_OK && lookups && !er_lookups_fit(lookups, n_ranges, queries->n))
        status = ER_BAD_LOOKUPS;
    for (size_t q = 0; status == ER_OK && q < queries->n; q++) {
        er_query_i8 query = {queries->codes + q * table->dim, queries->scales[q]};
        status = er_scan_check_query(&query, table->dim);
    }
    return status;
}

/* Write a query's result and fill the rest of its line. */
static int32_t finish(er_topk *top, size_t width, int32_t *rows, float *scores) {
    size_t found = er_topk_finish(top, rows, scores);
    for (size_t i = found; i < width; i++) {
        rows[i] = -1;
        scores[i] = -INFINITY;
    }
    return (int32_t)found;
}

er_status er_scan_many_i8(const er_kernel *kernel, const er_queries_i8 *queries,
                          const er_rows_i8 *table, const er_range *ranges, size_t n_ranges,
                          const er_lookups *lookups, size_t k, void *workspace, int32_t *rows,
                          float *scores, int32_t *found) {
    er_status status = check(queries, table, ranges, n_ranges, lookups, k);
    if (status != ER_OK) return status;
    size_t width = k < table->n ? k : table->n, step = together(queries->n, lookups);
    for (size_t q = 0; width == 0 && q < queries->n; q++) found[q] = 0;
    if (width == 0) return ER_OK;
    parts own = cut(workspace, step, width);
    for (size_t first = 0; first < queries->n; first += step) {
        size_t n = queries->n - first < step ? queries->n - first : step;
        er_queries_i8 now = {queries->codes + first * table->dim, queries->scales + first, n};
        for (size_t q = 0; q < n; q++)
            er_topk_start(&own.tops[q], own.keys + q * er_topk_workspace(width), width);
        ((er_scan_many_i8_fn *)kernel->fn)(&now, table, ranges, n_ranges, lookups, own.scratch,
                                           own.tops);
        for (size_t q = 0; q < n; q++) {
            if (own.tops[q].nan) return ER_NOT_FINITE;
            size_t at = (first + q) * width;
            found[first + q] = finish(&own.tops[q], width, rows + at, scores + at);
        }
    }
    return ER_OK;
}
