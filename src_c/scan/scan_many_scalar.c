#include "../topk/eligible.h"
#include "scan_many.h"

er_scan_many_i8_fn er_scan_many_i8_scalar;
er_scan_i8_fn er_scan_i8_scalar;

void er_scan_many_i8_scalar(const er_queries_i8 *queries, const er_rows_i8 *table,
                            const er_range *ranges, size_t n_ranges, const er_lookups *lookups,
                            void *scratch, er_topk *tops) {
    (void)scratch;
    for (size_t i = 0; i < n_ranges; i++) {
        size_t first = lookups ? (size_t)lookups->offsets[i] : 0;
        size_t end = lookups ? (size_t)lookups->offsets[i + 1] : queries->n;
        for (size_t v = first; v < end; v++) {
            size_t q = lookups ? (size_t)lookups->queries[v] : v;
            er_query_i8 query = {queries->codes + q * table->dim, queries->scales[q]};
            er_scan_i8_scalar(&query, table, ranges + i, 1, &tops[q]);
        }
    }
}
