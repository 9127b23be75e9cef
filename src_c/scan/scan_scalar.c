#include "../topk/eligible.h"
#include "scan.h"

er_scan_i8_fn er_scan_i8_scalar;

static float score_of(const er_query_i8 *query, const er_rows_i8 *table, size_t i) {
    const int8_t *row = table->codes + i * table->dim;
    int32_t dot = 0;
    for (size_t d = 0; d < table->dim; d++) dot += query->codes[d] * row[d];
    float score = (float)dot * table->scales[i] * query->scale;
    return table->offsets ? score + table->offsets[i] : score;
}

void er_scan_i8_scalar(const er_query_i8 *query, const er_rows_i8 *table, const er_range *ranges,
                       size_t n_ranges, er_topk *top) {
    for (const er_range *range = ranges; range < ranges + n_ranges; range++)
        for (size_t i = (size_t)range->start; i < (size_t)range->stop; i++) {
            if (!er_is_eligible(table->eligible, i)) continue;
            float score = score_of(query, table, i);
            if (!(score < top->threshold)) er_topk_offer(top, score, table->first_row + (int32_t)i);
        }
}
