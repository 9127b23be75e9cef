#include "scan_b1.h"

#include <math.h>

enum { CACHED = 16 << 10 }; /* bytes of sketches that stay in the first cache for all queries */

static er_status check_table(const er_rows_b1 *table, size_t n_planes, const er_range *ranges,
                             size_t n_ranges, size_t k) {
    if (k < 1 || k > ER_TOPK_MAX) return ER_BAD_K;
    if (table->words < 1 || table->words > ER_SKETCH_MAX_WORDS) return ER_TOO_LONG;
    if (n_planes < 1 || n_planes > ER_SKETCH_MAX_PLANES) return ER_TOO_LONG;
    if (table->first_row < 0 || table->n > (size_t)(INT32_MAX - table->first_row))
        return ER_TOO_LONG;
    return er_ranges_fit(ranges, n_ranges, table->n) ? ER_OK : ER_BAD_RANGE;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static bool good_step(float step) { return isfinite(step) && step >= 0.0f; }

er_status er_scan_b1(const er_scan_b1_kernels *kernels, const er_query_b1 *query,
                     const er_rows_b1 *table, const er_range *ranges, const float *bases,
                     size_t n_ranges, size_t k, void *scratch, int32_t *rows, float *scores,
                     size_t *found) {
    er_status status = check_table(table, query->n_planes, ranges, n_ranges, k);
    if (status != ER_OK) return status;
    if (!good_step(query->step)) return ER_BAD_SCALE;
    *found = 0;
    if (table->n == 0) return ER_OK;
    er_best best;
    er_best_start(&best, kernels->reach, scratch, smaller(k, table->n));
    ((er_scan_b1_fn *)kernels->scan->fn)(query, table, ranges, bases, n_ranges, &best);
    *found = er_best_finish_sorted(&best, rows, scores);
    return best.nan ? ER_NOT_FINITE : ER_OK;
}

size_t er_scan_many_b1_workspace(size_t n_queries, size_t n, size_t k) {
    size_t each = sizeof(er_best) + er_best_workspace(smaller(k, n));
    return n_queries > SIZE_MAX / each ? SIZE_MAX : n_queries * each;
}

/* What a search for many queries carries along. */
typedef struct {
    er_scan_b1_fn *kernel;
    const er_queries_b1 *queries;
    const er_rows_b1 *table;
    er_best *bests;
} search;

/* Show some rows to all queries. */
static void show(const search *search, er_range rows) {
    const er_queries_b1 *queries = search->queries;
    for (size_t q = 0; q < queries->n; q++) {
        er_query_b1 query = {
            .planes = queries->planes + q * queries->n_planes * search->table->words,
            .n_planes = queries->n_planes,
            .step = queries->steps[q],
        };
        search->kernel(&query, search->table, &rows, NULL, 1, &search->bests[q]);
    }
}

static void start(const er_kernel *reach, er_best *bests, size_t n, size_t k) {
    char *memory = (char *)(bests + n);
    for (size_t q = 0; q < n; q++, memory += er_best_workspace(k))
        er_best_start(&bests[q], reach, memory, k);
}

static er_status finish(er_best *bests, size_t n, size_t width, int32_t *rows, float *scores,
                        int32_t *found) {
    for (size_t q = 0; q < n; q++, rows += width, scores += width) {
        size_t m = er_best_finish_sorted(&bests[q], rows, scores);
        if (bests[q].nan) return ER_NOT_FINITE;
        found[q] = (int32_t)m;
        for (; m < width; m++) {
            rows[m] = -1;
            scores[m] = -INFINITY;
        }
    }
    return ER_OK;
}

er_status er_scan_many_b1(const er_scan_b1_kernels *kernels, const er_queries_b1 *queries,
                          const er_rows_b1 *table, const er_range *ranges, size_t n_ranges,
                          size_t k, void *scratch, int32_t *rows, float *scores, int32_t *found) {
    er_status status = check_table(table, queries->n_planes, ranges, n_ranges, k);
    if (status != ER_OK) return status;
    if (queries->n > INT32_MAX) return ER_TOO_LONG;
    for (size_t q = 0; q < queries->n; q++)
        if (!good_step(queries->steps[q])) return ER_BAD_SCALE;
    const search search = {.kernel = (er_scan_b1_fn *)kernels->scan->fn,
                           .queries = queries,
                           .table = table,
                           .bests = scratch};
    for (size_t q = 0; q < queries->n; q++) found[q] = 0;
    if (table->n == 0) return ER_OK;
    size_t width = smaller(k, table->n);
    start(kernels->reach, scratch, queries->n, width);
    int64_t block = CACHED / (int64_t)(table->words * sizeof *table->bits);
    for (size_t r = 0; r < n_ranges; r++)
        for (int64_t row = ranges[r].start; row < ranges[r].stop; row += block) {
            int64_t stop = ranges[r].stop - row < block ? ranges[r].stop : row + block;
            show(&search, (er_range){row, stop});
        }
    return finish(scratch, queries->n, width, rows, scores, found);
}
