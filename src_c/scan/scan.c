#include "scan.h"

#include <assert.h>
#include <math.h>

#include "check.h"

static bool codes_in_range(const int8_t *codes, size_t n) {
    int8_t least = 0;
    for (size_t i = 0; i < n; i++) least = codes[i] < least ? codes[i] : least;
    return least >= -127;
}

er_status er_scan_check_table(const er_rows_i8 *table, const er_range *ranges, size_t n_ranges,
                              size_t k) {
    if (k < 1 || k > ER_TOPK_MAX) return ER_BAD_K;
    if (table->dim > ER_SCAN_MAX_DIM || table->first_row < 0) return ER_TOO_LONG;
    if (table->n > (size_t)(INT32_MAX - table->first_row)) return ER_TOO_LONG;
    if (!er_ranges_fit(ranges, n_ranges, table->n)) return ER_BAD_RANGE;
    assert(codes_in_range(table->codes, table->n * table->dim));
    return ER_OK;
}

er_status er_scan_check_query(const er_query_i8 *query, size_t dim) {
    if (!isfinite(query->scale) || query->scale <= 0.0f) return ER_BAD_SCALE;
    return codes_in_range(query->codes, dim) ? ER_OK : ER_BAD_CODE;
}

er_status er_scan_i8(const er_kernel *kernel, const er_query_i8 *query, const er_rows_i8 *table,
                     const er_range *ranges, size_t n_ranges, size_t k, er_key *keys, int32_t *rows,
                     float *scores, size_t *found) {
    er_status status = er_scan_check_table(table, ranges, n_ranges, k);
    if (status == ER_OK) status = er_scan_check_query(query, table->dim);
    if (status != ER_OK) return status;
    *found = 0;
    if (table->n == 0) return ER_OK;
    er_topk top;
    er_topk_start(&top, keys, k < table->n ? k : table->n);
    ((er_scan_i8_fn *)kernel->fn)(query, table, ranges, n_ranges, &top);
    if (top.nan) return ER_NOT_FINITE;
    *found = er_topk_finish(&top, rows, scores);
    return ER_OK;
}
