#include <string.h>

#include "check.h"

typedef struct {
    er_status status;
    size_t at;
    float *out;
} products;

static void expect_products(check *c, const products *expected, const products *got, size_t m) {
    expect_equal(c, "status", expected->status, got->status);
    if (expected->status == ER_BAD_ROW || expected->status == ER_NOT_FINITE)
        expect_equal(c, "at", (long long)expected->at, (long long)got->at);
    expect_floats(c, "products", expected->out, got->out, m);
}

static products take_products(check *c, size_t m) {
    return (products){.out = memory_take(&c->draw, m * sizeof(float), sizeof(float))};
}

void check_inner_f32(check *c) {
    size_t dim = draw_length(&c->draw, 300), n = draw_below(&c->draw, 40);
    size_t m = n ? draw_length(&c->draw, 40) : 0;
    float *query = take_floats(c, dim), *vectors = take_floats(c, n * dim);
    draw_faults(&c->draw, vectors, n * dim);
    int32_t *rows = take_row_numbers(c, m, n);
    products expected = {0};
    for (size_t i = 0; i < c->n_kernels; i++) {
        c->now = c->kernels[i];
        products got = take_products(c, m);
        got.status = er_inner_f32(c->now, query, vectors, n, dim, rows, m, got.out, &got.at);
        if (i == 0) expected = got;
        expect_products(c, &expected, &got, m);
    }
}

/* Halves of any bits: subnormal, infinite and NaN among them, if `any`; else of finite numbers. */
static uint16_t *take_halves(check *c, size_t n, bool any) {
    uint16_t *halves = memory_take(&c->draw, n * sizeof(uint16_t), sizeof(uint16_t));
    draw_bitmap(&c->draw, (uint8_t *)halves, n * sizeof(uint16_t));
    for (size_t i = 0; i < n && !any; i++) halves[i] &= 0xBFFF; /* below 2 */
    return halves;
}

void check_inner_f16(check *c) {
    size_t dim = draw_length(&c->draw, 300), n = draw_below(&c->draw, 40);
    size_t m = n ? draw_length(&c->draw, 40) : 0;
    float *query = take_floats(c, dim);
    uint16_t *vectors = take_halves(c, n * dim, draw_one_in(&c->draw, 4));
    int32_t *rows = take_row_numbers(c, m, n);
    products expected = {0};
    for (size_t i = 0; i < c->n_kernels; i++) {
        c->now = c->kernels[i];
        products got = take_products(c, m);
        got.status = er_inner_f16(c->now, query, vectors, n, dim, rows, m, got.out, &got.at);
        if (i == 0) expected = got;
        expect_products(c, &expected, &got, m);
    }
}

void check_inner_i8(check *c) {
    size_t dim = draw_length(&c->draw, 300), n = draw_below(&c->draw, 40);
    size_t m = n ? draw_length(&c->draw, 40) : 0;
    er_query_i8 query = take_query(c, dim);
    er_rows_i8 table = take_table(c, n, dim);
    int32_t *rows = take_row_numbers(c, m, n);
    products expected = {0};
    for (size_t i = 0; i < c->n_kernels; i++) {
        c->now = c->kernels[i];
        products got = take_products(c, m);
        got.status = er_inner_i8(c->now, &query, &table, rows, m, got.out, &got.at);
        if (i == 0) expected = got;
        expect_products(c, &expected, &got, m);
    }
}
