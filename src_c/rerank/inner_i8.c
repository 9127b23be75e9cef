#include "inner_i8.h"

#include <assert.h>
#include <math.h>

#include "gather.h"

static bool codes_in_range(const int8_t *codes, size_t n) {
    int8_t least = 0;
    for (size_t i = 0; i < n; i++) least = codes[i] < least ? codes[i] : least;
    return least >= -127;
}

static size_t first_nan(const float *values, size_t m) {
    unsigned any = 0;
    for (size_t i = 0; i < m; i++) any |= isnan(values[i]);
    size_t at = any ? 0 : m;
    while (at < m && !isnan(values[at])) at++;
    return at;
}

er_status er_inner_i8(const er_kernel *kernel, const er_query_i8 *query, const er_rows_i8 *table,
                      const int32_t *rows, size_t m, float *out, size_t *at) {
    if (table->dim > ER_SCAN_MAX_DIM) return ER_TOO_LONG;
    if (!isfinite(query->scale) || query->scale <= 0.0f) return ER_BAD_SCALE;
    if (!codes_in_range(query->codes, table->dim)) return ER_BAD_CODE;
    *at = er_first_outside(rows, m, table->n);
    if (*at < m) return ER_BAD_ROW;
    ((er_inner_i8_fn *)kernel->fn)(query, table, rows, m, out);
    *at = first_nan(out, m);
    return *at < m ? ER_NOT_FINITE : ER_OK;
}
