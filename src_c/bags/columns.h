/* The way through bags and their columns that the vector implementations share. An implementation
 * defines INLINE (with its target), sum8 and the functions below, and includes this file.
 */
#ifndef ER_BAG_COLUMNS_H
#define ER_BAG_COLUMNS_H

#include "../fetch.h"
#include "rows.h"

enum {
    LANES = 8, /* columns whose sums stand together */
    WIDE = 8,  /* such sums that stay in registers */
};

/* sum8: float32 sums, or codes as float32, of eight columns. */
INLINE sum8 no_sum(void);
INLINE sum8 load_i8(const uint8_t *codes); /* eight codes */
INLINE sum8 widen_i8(uint64_t codes);      /* the same, from the lowest byte on */
INLINE sum8 widen_i4(uint32_t nibbles);    /* from the lowest nibble on */
INLINE void store8(float *out, sum8 sum);
INLINE sum8 divide(sum8 sum, float n);

/* A product and a sum, each rounded: a fused multiply-add would differ from the scalar code. */
INLINE sum8 add_product(sum8 sum, float factor, sum8 codes);

/* A bag on its way through its columns. `wide` and `weighted` are known to the compiler, and so cost
 * nothing for each of the rows. */
typedef struct {
    const er_bag_table *table;
    const er_bags *bags;
    size_t start, stop; /* positions of its ids */
    size_t end;         /* position after the last bag's: rows before it are fetched ahead */
    size_t row_bytes;
    er_fetch how;
    bool wide, weighted; /* ids of 64 bits; whether there are weights */
} one_bag;

/* Codes of eight columns from a multiple of eight on. */
INLINE sum8 codes_at(const uint8_t *row, size_t column, int bits) {
    const uint8_t *codes = row + SCALE_BYTES + er_bag_code_bytes(column, bits);
    if (bits == 8) return load_i8(codes);
    uint32_t nibbles;
    memcpy(&nibbles, codes, sizeof nibbles);
    return widen_i4(nibbles);
}

/* Codes of the last `rest` < 8 columns. What is read ends with the row and starts within it, if need
 * be in its scale; what stands before the columns is shifted out. */
INLINE sum8 last_codes(const uint8_t *row, size_t row_bytes, size_t rest, int bits) {
    if (bits == 8) {
        uint64_t codes;
        memcpy(&codes, row + row_bytes - sizeof codes, sizeof codes);
        return widen_i8(codes >> 8 * (LANES - rest));
    }
    uint32_t nibbles;
    memcpy(&nibbles, row + row_bytes - sizeof nibbles, sizeof nibbles);
    return widen_i4(nibbles >> 4 * (LANES - rest - rest % 2));
}

INLINE void store_sum(const one_bag *bag, sum8 sum, float *out) {
    if (bag->bags->mean && bag->start != bag->stop)
        sum = divide(sum, (float)(bag->stop - bag->start));
    store8(out, sum);
}

INLINE const uint8_t *row_at(const one_bag *bag, size_t position) {
    const size_t id =
        bag->wide ? (size_t)bag->bags->ids64[position] : (size_t)bag->bags->ids32[position];
    return bag->table->rows + id * bag->table->stride;
}

/* What the codes of a row are multiplied with. */
INLINE float factor_of(const one_bag *bag, const uint8_t *row, size_t position) {
    float scale;
    memcpy(&scale, row, SCALE_BYTES);
    return bag->weighted ? bag->bags->weights[position] * scale : scale;
}

/* The pass over the first columns asks for the rows ahead. */
INLINE void fetch_ahead(const one_bag *bag, size_t position) {
    if (position + ER_FAR < bag->end) er_fetch_far(row_at(bag, position + ER_FAR), bag->how);
    if (position + ER_NEAR < bag->end) er_fetch_near(row_at(bag, position + ER_NEAR), bag->how);
}

/* Sums of eight columns for each of so many vectors, a number known to the compiler as is whether
 * these are the first. The column that comes next. */
INLINE size_t sum_columns(const one_bag *bag, size_t column, size_t vectors, bool first, int bits,
                          float *out) {
    sum8 sum[WIDE];
#pragma GCC unroll 8
    for (size_t v = 0; v < vectors; v++) sum[v] = no_sum();
    for (size_t p = bag->start; p < bag->stop; p++) {
        if (first) fetch_ahead(bag, p);
        const uint8_t *row = row_at(bag, p);
        float factor = factor_of(bag, row, p);
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++)
            sum[v] = add_product(sum[v], factor, codes_at(row, column + v * LANES, bits));
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < vectors; v++) store_sum(bag, sum[v], out + column + v * LANES);
    return column + vectors * LANES;
}

INLINE void sum_last(const one_bag *bag, size_t column, size_t rest, int bits, float *out) {
    sum8 sum = no_sum();
    for (size_t p = bag->start; p < bag->stop; p++) {
        if (column == 0) fetch_ahead(bag, p);
        const uint8_t *row = row_at(bag, p);
        sum = add_product(sum, factor_of(bag, row, p), last_codes(row, bag->row_bytes, rest, bits));
    }
    float last[LANES];
    store_sum(bag, sum, last);
    memcpy(out + column, last, rest * sizeof *last);
}

INLINE void sum_bag(const one_bag *bag, int bits, float *out) {
    size_t column = 0, dim = bag->table->dim;
    if (WIDE * LANES <= dim) column = sum_columns(bag, 0, WIDE, true, bits, out);
    while (column + WIDE * LANES <= dim) column = sum_columns(bag, column, WIDE, false, bits, out);
    if (column + 4 * LANES <= dim) column = sum_columns(bag, column, 4, column == 0, bits, out);
    if (column + 2 * LANES <= dim) column = sum_columns(bag, column, 2, column == 0, bits, out);
    if (column + LANES <= dim) column = sum_columns(bag, column, 1, column == 0, bits, out);
    if (column < dim) sum_last(bag, column, dim - column, bits, out);
}

INLINE void sum_these(const er_bag_table *table, const er_bags *bags, int bits, bool wide,
                      bool weighted, float *out) {
    size_t row_bytes = SCALE_BYTES + er_bag_code_bytes(table->dim, bits);
    one_bag bag = {.table = table,
                   .bags = bags,
                   .end = (size_t)bags->offsets[bags->n],
                   .row_bytes = row_bytes,
                   .how = er_fetch_of(table->rows, table->stride, row_bytes),
                   .wide = wide,
                   .weighted = weighted};
    for (size_t p = (size_t)bags->offsets[0]; p < bag.end && p < (size_t)bags->offsets[0] + ER_FAR;
         p++)
        er_fetch_far(row_at(&bag, p), bag.how);
    for (size_t i = 0; i < bags->n; i++) {
        bag.start = (size_t)bags->offsets[i];
        bag.stop = (size_t)bags->offsets[i + 1];
        sum_bag(&bag, bits, out + i * table->dim);
    }
}

INLINE void sum_bags(const er_bag_table *table, const er_bags *bags, int bits, float *out) {
    if (bags->weights)
        sum_these(table, bags, bits, bags->ids64 != NULL, true, out);
    else if (bags->ids64)
        sum_these(table, bags, bits, true, false, out);
    else
        sum_these(table, bags, bits, false, false, out);
}

#endif
