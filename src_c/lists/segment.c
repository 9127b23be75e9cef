#include "segment.h"

#include "../rerank/gather.h"
#include "../rerank/rerank.h"

static er_status measured(const er_kernel *kernel, const float *query, const void *vectors,
                          bool half, size_t n, size_t dim, const int32_t *rows, size_t m,
                          float *scores) {
    size_t at;
    return half ? er_rerank_f16(kernel, query, vectors, n, dim, rows, m, scores, &at)
                : er_rerank_f32(kernel, query, vectors, n, dim, rows, m, scores, &at);
}

static void decode(const er_rows_i8 *table, size_t row, float *vector) {
    const int8_t *codes = table->codes + row * table->dim;
    for (size_t d = 0; d < table->dim; d++) vector[d] = (float)codes[d] * table->scales[row];
}

er_status er_segment_measure(const er_kernel *kernel, er_metric metric, const float *query,
                             const er_segment *segment, const int32_t *rows, size_t m,
                             float *decoded, float *scores) {
    const er_rows_i8 *codes = &segment->codes;
    const size_t dim = codes->dim;
    er_status status = ER_OK;
    if (segment->vectors) {
        status = measured(kernel, query, segment->vectors, segment->half, codes->n, dim, rows, m,
                          scores);
    } else {
        if (er_first_outside(rows, m, codes->n) < m) return ER_BAD_ROW;
        for (size_t i = 0; i < m && status == ER_OK; i++) {
            decode(codes, (size_t)rows[i], decoded);
            status = measured(kernel, query, decoded, false, 1, dim, &(int32_t){0}, 1, scores + i);
        }
    }
    if (metric == ER_L2)
        for (size_t i = 0; i < m; i++) scores[i] = -scores[i];
    return status;
}
