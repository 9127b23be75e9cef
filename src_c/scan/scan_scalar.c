#include "../topk/eligible.h"
#include "scan.h"

er_scan_i8_fn er_scan_i8_scalar;

void er_scan_i8_scalar(const er_query_i8 *query, const er_rows_i8 *table, er_topk *top) {
    const int8_t *row = table->codes;
    for (size_t i = 0; i < table->n; i++, row += table->dim) {
        if (!er_is_eligible(table->eligible, i)) continue;
        int32_t dot = 0;
        for (size_t d = 0; d < table->dim; d++) dot += query->codes[d] * row[d];
        float score = (float)dot * table->scales[i] * query->scale;
        if (!(score < top->threshold)) er_topk_offer(top, score, table->first_row + (int32_t)i);
    }
}
