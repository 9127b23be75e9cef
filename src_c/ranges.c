#include "ranges.h"

bool er_ranges_fit(const er_range *ranges, size_t n_ranges, size_t n_rows) {
    bool fit = true;
    for (size_t i = 0; i < n_ranges; i++) {
        er_range range = ranges[i];
        fit &= 0 <= range.start && range.start <= range.stop && (uint64_t)range.stop <= n_rows;
    }
    return fit;
}
