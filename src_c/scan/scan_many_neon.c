#if defined(__aarch64__)

#include "widen_neon.h"

#include "many_neon.h"

er_scan_many_i8_fn er_scan_many_i8_neon;

void er_scan_many_i8_neon(const er_queries_i8 *queries, const er_rows_i8 *table,
                          const er_range *ranges, size_t n_ranges, const er_lookups *lookups,
                          void *scratch, er_topk *tops) {
    search_many(queries, table, ranges, n_ranges, lookups, scratch, tops);
}

#endif
