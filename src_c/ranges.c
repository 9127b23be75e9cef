#include "ranges.h"

bool er_ranges_fit(const er_range *ranges, size_t n_ranges, size_t n_rows) {
    bool fit = true;
    for (size_t i = 0; i < n_ranges; i++) {
        er_range range = ranges[i];
        fit &= 0 <= range.start && range.start <= range.stop && (uint64_t)range.stop <= n_rows;
    }
    return fit;
}

bool er_lookups_fit(const er_lookups *lookups, size_t n_ranges, size_t n_queries) {
    const int64_t *offsets = lookups->offsets;
    bool fit = offsets[0] == 0;
    for (size_t i = 0; i < n_ranges; i++) fit &= offsets[i] <= offsets[i + 1];
    for (int64_t v = 0; fit && v < offsets[n_ranges]; v++)
        fit &= lookups->queries[v] >= 0 && (size_t)lookups->queries[v] < n_queries;
    return fit;
}
