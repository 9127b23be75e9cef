#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long long case_seed, case_number;

void check_set_case(unsigned long long seed, unsigned long long number) {
    case_seed = seed;
    case_number = number;
}

void check_report(const check *c, const char *what) {
    fprintf(stderr, "%s %s: %s; repeat: --only %s --seed %llu --first %llu --cases 1\n",
            c->now->family, c->now->isa, what, c->now->family, case_seed, case_number);
}

static void differ(const check *c, const char *what) {
    check_report(c, what);
    abort();
}

bool check_prepare(check *c, const char *family, const char *isa) {
    er_cpu cpu = er_cpu_detect();
    c->n_kernels = 0;
    for (size_t i = er_kernel_count(); i-- > 0;) { /* scalar, the last, comes first */
        const er_kernel *kernel = er_kernel_at(i);
        if (strcmp(kernel->family, family) != 0 || !er_kernel_runs(kernel, cpu)) continue;
        if (c->n_kernels && isa && strcmp(kernel->isa, isa) != 0) continue;
        c->kernels[c->n_kernels++] = kernel;
    }
    return !isa || c->n_kernels == 2 || strcmp(isa, "scalar") == 0;
}

void check_run(check *c, const check_family *family) {
    memory_restart();
    c->now = c->kernels[0];
    family->run(c);
    if (!memory_is_intact()) differ(c, "bytes outside the buffers were written");
}

void expect_equal(const check *c, const char *what, long long expected, long long got) {
    if (expected == got) return;
    fprintf(stderr, "%s: scalar %lld, %s %lld\n", what, expected, c->now->isa, got);
    differ(c, what);
}

void expect_bytes(const check *c, const char *what, const void *expected, const void *got,
                  size_t n_bytes) {
    const uint8_t *a = expected, *b = got;
    for (size_t i = 0; i < n_bytes; i++) {
        if (a[i] == b[i]) continue;
        fprintf(stderr, "%s: byte %zu is %d, scalar gave %d\n", what, i, b[i], a[i]);
        differ(c, what);
    }
}

void expect_floats(const check *c, const char *what, const float *expected, const float *got,
                   size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&expected[i], &got[i], sizeof(float)) == 0) continue;
        if (isnan(expected[i]) && isnan(got[i])) continue;
        fprintf(stderr, "%s: [%zu] is %a, scalar gave %a\n", what, i, (double)got[i],
                (double)expected[i]);
        differ(c, what);
    }
}

ranked ranked_take(check *c, size_t k, size_t n) {
    size_t width = k < n ? k : n, n_keys = k >= 1 && k <= ER_TOPK_MAX ? er_topk_workspace(k) : 0;
    return (ranked){.keys = memory_take(&c->draw, n_keys * sizeof(er_key), sizeof(er_key)),
                    .rows = memory_take(&c->draw, width * sizeof(int32_t), sizeof(int32_t)),
                    .scores = memory_take(&c->draw, width * sizeof(float), sizeof(float))};
}

void expect_ranked(const check *c, const ranked *expected, const ranked *got) {
    expect_equal(c, "status", expected->status, got->status);
    if (expected->status != ER_OK) return;
    expect_equal(c, "found", (long long)expected->found, (long long)got->found);
    expect_bytes(c, "rows", expected->rows, got->rows, expected->found * sizeof(int32_t));
    expect_floats(c, "scores", expected->scores, got->scores, expected->found);
}

size_t draw_k(draw *d, size_t n) {
    switch (draw_below(d, 32)) {
    case 0: return 0;
    case 1: return ER_TOPK_MAX + 1;
    case 2: return n + 5 <= ER_TOPK_MAX ? n + 5 : ER_TOPK_MAX;
    default: return 1 + draw_below(d, n < 200 ? 20 : 200);
    }
}

int8_t *take_codes(check *c, size_t n, int most) {
    int8_t *codes = memory_take(&c->draw, n, 1);
    draw_codes(&c->draw, codes, n, most);
    return codes;
}

float *take_floats(check *c, size_t n) {
    float *x = memory_take(&c->draw, n * sizeof(float), sizeof(float));
    draw_floats(&c->draw, x, n);
    return x;
}

float *take_scales(check *c, size_t n) {
    float *scales = memory_take(&c->draw, n * sizeof(float), sizeof(float));
    draw_scales(&c->draw, scales, n);
    return scales;
}

uint8_t *take_eligible(check *c, size_t n) {
    if (draw_one_in(&c->draw, 3)) return NULL;
    size_t n_bytes = (n + 7) / 8;
    uint8_t *bitmap = memory_take(&c->draw, n_bytes, 1);
    draw_bitmap(&c->draw, bitmap, n_bytes);
    return bitmap;
}

int32_t *take_row_numbers(check *c, size_t m, size_t n) {
    int32_t *rows = memory_take(&c->draw, m * sizeof(int32_t), sizeof(int32_t));
    for (size_t i = 0; i < m; i++) rows[i] = n ? (int32_t)draw_below(&c->draw, (uint32_t)n) : 0;
    if (m && draw_one_in(&c->draw, 20))
        rows[draw_below(&c->draw, (uint32_t)m)] = draw_one_in(&c->draw, 2) ? -1 : (int32_t)n;
    return rows;
}

er_query_i8 take_query(check *c, size_t dim) {
    int most = draw_one_in(&c->draw, 40) ? 128 : 127;
    return (er_query_i8){.codes = take_codes(c, dim, most),
                         .scale = draw_one_in(&c->draw, 40) ? NAN : 0.03f};
}

er_rows_i8 take_table(check *c, size_t n, size_t dim) {
    float *scales = take_scales(c, n),
          *offsets = draw_one_in(&c->draw, 2) ? take_floats(c, n) : NULL;
    draw_faults(&c->draw, scales, n);
    if (offsets) draw_faults(&c->draw, offsets, n);
    return (er_rows_i8){.codes = take_codes(c, n * dim, 127),
                        .scales = scales,
                        .offsets = offsets,
                        .n = n,
                        .dim = dim,
                        .first_row = (int32_t)draw_below(&c->draw, 2) * 1000};
}
