/* The way over chosen rows and their columns that the vector implementations share. An implementation
 * defines INLINE (with its target), wide and the functions below, and includes this file.
 */
#ifndef ER_SCORE_ROWS_H
#define ER_SCORE_ROWS_H

#include <string.h>

#include "../fetch.h"
#include "measure.h"

enum {
    LANES = 16, /* as in the order of the sum */
    FAR = 12,   /* rows between the first request and use: they are several lines long */
    NEAR = 3,   /* rows between the second request and use */
};

/* wide: sixteen running sums, or sixteen values. */
INLINE wide no_sums(void);
INLINE wide load(const void *values, bool half); /* float16 if `half`, else float32 */
INLINE wide difference(wide a, wide b);
INLINE float total(wide sums); /* lanes l and l + 8, then l and l + 4, l + 2, l + 1 */

/* A product and a sum, each rounded: a fused multiply-add would differ from the scalar code. */
INLINE wide add_products(wide acc, wide a, wide b);

/* The sums of a row: of what the measure adds, and of the row's squares. */
typedef struct {
    wide sums, squares;
} row_sums;

INLINE row_sums add_columns(row_sums acc, measure what, wide query, wide row) {
    wide a = what == L2 ? difference(query, row) : query;
    acc.sums = add_products(acc.sums, a, what == L2 ? a : row);
    if (what == COSINE) acc.squares = add_products(acc.squares, row, row);
    return acc;
}

/* The columns past the last whole 16 are copied to where zeros follow: nothing is read past a row,
 * and adding 0 * 0 changes no sum, for none is -0. */
INLINE row_sums sum_row(measure what, bool half, const float *query, const char *row, size_t dim,
                        size_t value_bytes) {
    row_sums acc = {no_sums(), no_sums()};
    size_t whole = dim / LANES * LANES, rest = dim - whole;
    for (size_t i = 0; i < whole; i += LANES)
        acc = add_columns(acc, what, load(query + i, false), load(row + i * value_bytes, half));
    if (rest) {
        float query_rest[LANES] = {0}, row_rest[LANES] = {0};
        memcpy(query_rest, query + whole, rest * sizeof *query);
        memcpy(row_rest, row + whole * value_bytes, rest * value_bytes);
        acc = add_columns(acc, what, load(query_rest, false), load(row_rest, half));
    }
    return acc;
}

INLINE void score_rows(measure what, bool half, const float *query, const void *vectors, size_t dim,
                       const int32_t *rows, size_t m, float *out) {
    size_t value_bytes = half ? sizeof(uint16_t) : sizeof(float), row_bytes = dim * value_bytes;
    const char *table = vectors;
    er_fetch how = er_fetch_of(table, row_bytes, row_bytes);
    float query_square = 0.0f;
    if (what == COSINE)
        query_square =
            total(sum_row(COSINE, false, query, (const char *)query, dim, sizeof *query).squares);
    for (size_t j = 0; j < m && j < FAR; j++)
        er_fetch_far(table + (size_t)rows[j] * row_bytes, how);
    for (size_t j = 0; j < m; j++) {
        if (j + FAR < m) er_fetch_far(table + (size_t)rows[j + FAR] * row_bytes, how);
        if (j + NEAR < m) er_fetch_near(table + (size_t)rows[j + NEAR] * row_bytes, how);
        row_sums acc =
            sum_row(what, half, query, table + (size_t)rows[j] * row_bytes, dim, value_bytes);
        out[j] = total(acc.sums);
        if (what == COSINE) out[j] = cosine_of(out[j], query_square, total(acc.squares));
    }
}

#endif
