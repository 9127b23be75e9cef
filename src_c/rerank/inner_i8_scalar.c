#include "inner_i8.h"

er_inner_i8_fn er_inner_i8_scalar;

void er_inner_i8_scalar(const er_query_i8 *query, const er_rows_i8 *table, const int32_t *rows,
                        size_t m, float *out) {
    for (size_t j = 0; j < m; j++) {
        size_t row = (size_t)rows[j];
        const int8_t *codes = table->codes + row * table->dim;
        int32_t dot = 0;
        for (size_t d = 0; d < table->dim; d++) dot += query->codes[d] * codes[d];
        out[j] = (float)dot * table->scales[row] * query->scale;
        if (table->offsets) out[j] += table->offsets[row];
    }
}
