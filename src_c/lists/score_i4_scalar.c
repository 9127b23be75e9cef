#include "score_i4.h"

er_score_i4_fn er_score_i4_scalar;

void er_score_i4_scalar(const er_query_i8 *query, const er_rows_i4 *table, size_t start, size_t n,
                        float *scores) {
    const size_t dim = table->dim, half = er_row_bytes_i4(dim);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = table->codes + (start + i) * half;
        int32_t dot = 0;
        for (size_t d = 0; d < half; d++) dot += query->codes[d] * ((row[d] & 15) - ER_I4_ZERO);
        for (size_t d = half; d < dim; d++)
            dot += query->codes[d] * ((row[d - half] >> 4) - ER_I4_ZERO);
        const float score = (float)dot * table->scales[start + i] * query->scale;
        scores[i] = table->offsets ? score + table->offsets[start + i] : score;
    }
}
