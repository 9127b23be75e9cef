#if defined(__aarch64__)

#include "../scan/dotprod_neon.h"

#include "inner_i8_neon.h"

er_inner_i8_fn er_inner_i8_scalar, er_inner_i8_neondot;

NEONDOT void er_inner_i8_neondot(const er_query_i8 *query, const er_rows_i8 *table,
                                 const int32_t *rows, size_t m, float *out) {
    if (table->dim < LANES)
        er_inner_i8_scalar(query, table, rows, m, out); /* narrower than a vector */
    else
        score_rows(query, table, rows, m, out);
}

#endif
