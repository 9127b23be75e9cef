#if defined(__aarch64__)

#include "widen_neon.h"

#include "walk_neon.h"

er_scan_i8_fn er_scan_i8_scalar, er_scan_i8_neon;

void er_scan_i8_neon(const er_query_i8 *query, const er_rows_i8 *table, const er_range *ranges,
                     size_t n_ranges, er_topk *top) {
    if (table->dim < LANES)
        er_scan_i8_scalar(query, table, ranges, n_ranges, top); /* narrower than a vector */
    else
        scan(query, table, ranges, n_ranges, top);
}

#endif
