#if defined(__x86_64__)

#include <immintrin.h>

#include "../fetch.h"
#include "rows.h"

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

enum {
    LANES = 8, /* columns a vector */
    WIDE = 8,  /* vectors of sums that stay in registers */
};

er_bag_i8_fn er_bag_i8_scalar, er_bag_i8_avx2;
er_bag_i4_fn er_bag_i4_avx2;

/* A bag on its way through its columns. */
typedef struct {
    const er_bag_table *table;
    const er_bags *bags;
    size_t start, stop; /* positions of its ids */
    size_t end;         /* position after the last bag's: rows before it are fetched ahead */
    size_t row_bytes;
    er_fetch how;
} one_bag;

INLINE __m256 widen_i8(__m128i code_i8x8) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(code_i8x8));
}

/* Each nibble to the top of a lane of its own, and back down with its sign. */
INLINE __m256 widen_i4(uint32_t nibbles) {
    const __m256i up_i32x8 = _mm256_setr_epi32(28, 24, 20, 16, 12, 8, 4, 0);
    __m256i top_i32x8 = _mm256_sllv_epi32(_mm256_set1_epi32((int)nibbles), up_i32x8);
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(top_i32x8, 28));
}

/* Codes of eight columns from a multiple of eight on. */
INLINE __m256 codes8(const uint8_t *row, size_t column, int bits) {
    const uint8_t *codes = row + SCALE_BYTES + er_bag_code_bytes(column, bits);
    if (bits == 8) return widen_i8(_mm_loadl_epi64((const __m128i *)codes));
    uint32_t nibbles;
    memcpy(&nibbles, codes, sizeof nibbles);
    return widen_i4(nibbles);
}

/* Codes of the last `rest` < 8 columns. What is read ends with the row and starts within it, if need
 * be in its scale; what stands before the columns is shifted out. */
INLINE __m256 last_codes(const uint8_t *row, size_t row_bytes, size_t rest, int bits) {
    if (bits == 8) {
        uint64_t codes;
        memcpy(&codes, row + row_bytes - sizeof codes, sizeof codes);
        return widen_i8(_mm_cvtsi64_si128((long long)(codes >> 8 * (LANES - rest))));
    }
    uint32_t nibbles;
    memcpy(&nibbles, row + row_bytes - sizeof nibbles, sizeof nibbles);
    return widen_i4(nibbles >> 4 * (LANES - rest - rest % 2));
}

/* The row at a position; the pass over the first columns asks for those ahead. */
INLINE const uint8_t *visit(const one_bag *bag, size_t position, size_t column) {
    if (column == 0 && position + ER_FAR < bag->end)
        er_fetch_far(er_bag_row(bag->table, bag->bags, position + ER_FAR), bag->how);
    if (column == 0 && position + ER_NEAR < bag->end)
        er_fetch_near(er_bag_row(bag->table, bag->bags, position + ER_NEAR), bag->how);
    return er_bag_row(bag->table, bag->bags, position);
}

/* A product and a sum, each rounded: a fused multiply-add would differ from the scalar code. */
INLINE __m256 add_product(__m256 sum_f32x8, float factor, __m256 code_f32x8) {
    return _mm256_add_ps(sum_f32x8, _mm256_mul_ps(_mm256_set1_ps(factor), code_f32x8));
}

INLINE __m256 finish(const one_bag *bag, __m256 sum_f32x8) {
    if (!bag->bags->mean || bag->start == bag->stop) return sum_f32x8;
    return _mm256_div_ps(sum_f32x8, _mm256_set1_ps((float)(bag->stop - bag->start)));
}

/* Sums of eight columns for each of so many vectors, a number known to the compiler. The column that
 * comes next. */
INLINE size_t sum_columns(const one_bag *bag, size_t column, size_t vectors, int bits, float *out) {
    __m256 sum_f32x8[WIDE];
#pragma GCC unroll 8
    for (size_t v = 0; v < vectors; v++) sum_f32x8[v] = _mm256_setzero_ps();
    for (size_t p = bag->start; p < bag->stop; p++) {
        const uint8_t *row = visit(bag, p, column);
        float factor = er_bag_factor(bag->bags, row, p);
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++)
            sum_f32x8[v] = add_product(sum_f32x8[v], factor, codes8(row, column + v * LANES, bits));
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < vectors; v++)
        _mm256_storeu_ps(out + column + v * LANES, finish(bag, sum_f32x8[v]));
    return column + vectors * LANES;
}

INLINE void sum_last(const one_bag *bag, size_t column, size_t rest, int bits, float *out) {
    __m256 sum_f32x8 = _mm256_setzero_ps();
    for (size_t p = bag->start; p < bag->stop; p++) {
        const uint8_t *row = visit(bag, p, column);
        sum_f32x8 = add_product(sum_f32x8, er_bag_factor(bag->bags, row, p),
                                last_codes(row, bag->row_bytes, rest, bits));
    }
    float sum[LANES];
    _mm256_storeu_ps(sum, finish(bag, sum_f32x8));
    memcpy(out + column, sum, rest * sizeof *sum);
}

INLINE void sum_bag(const one_bag *bag, int bits, float *out) {
    size_t column = 0, dim = bag->table->dim;
    while (column + WIDE * LANES <= dim) column = sum_columns(bag, column, WIDE, bits, out);
    if (column + 4 * LANES <= dim) column = sum_columns(bag, column, 4, bits, out);
    if (column + 2 * LANES <= dim) column = sum_columns(bag, column, 2, bits, out);
    if (column + LANES <= dim) column = sum_columns(bag, column, 1, bits, out);
    if (column < dim) sum_last(bag, column, dim - column, bits, out);
}

INLINE void sum_bags(const er_bag_table *table, const er_bags *bags, int bits, float *out) {
    size_t row_bytes = SCALE_BYTES + er_bag_code_bytes(table->dim, bits);
    one_bag bag = {.table = table,
                   .bags = bags,
                   .end = (size_t)bags->offsets[bags->n],
                   .row_bytes = row_bytes,
                   .how = er_fetch_of(table->rows, table->stride, row_bytes)};
    for (size_t p = (size_t)bags->offsets[0]; p < bag.end && p < (size_t)bags->offsets[0] + ER_FAR;
         p++)
        er_fetch_far(er_bag_row(table, bags, p), bag.how);
    for (size_t i = 0; i < bags->n; i++) {
        bag.start = (size_t)bags->offsets[i];
        bag.stop = (size_t)bags->offsets[i + 1];
        sum_bag(&bag, bits, out + i * table->dim);
    }
}

AVX2 void er_bag_i8_avx2(const er_bag_table *table, const er_bags *bags, float *out) {
    if (table->dim < LANES / 2)
        er_bag_i8_scalar(table, bags, out); /* a row is narrower than what last_codes() reads */
    else
        sum_bags(table, bags, 8, out);
}

AVX2 void er_bag_i4_avx2(const er_bag_table *table, const er_bags *bags, float *out) {
    sum_bags(table, bags, 4, out);
}

#endif
