#include "take.h"

#include <assert.h>
#include <math.h>

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
    float *scales = take_scales(c, n);
    float *offsets = draw_one_in(&c->draw, 2) ? take_floats(c, n) : NULL;
    draw_faults(&c->draw, scales, n);
    if (offsets) draw_faults(&c->draw, offsets, n);
    return (er_rows_i8){.codes = take_codes(c, n * dim, 127),
                        .scales = scales,
                        .offsets = offsets,
                        .n = n,
                        .dim = dim,
                        .first_row = (int32_t)draw_below(&c->draw, 2) * 1000};
}

static void shuffle(draw *d, er_range *ranges, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = draw_below(d, (uint32_t)i);
        er_range last = ranges[i - 1];
        ranges[i - 1] = ranges[j];
        ranges[j] = last;
    }
}

take_ranges take_ranges_of(check *c, size_t n_rows) {
    draw *d = &c->draw;
    size_t n = draw_one_in(d, 3) ? 1 : draw_below(d, 12);
    bool whole = n == 1, overlap = draw_one_in(d, 6);
    er_range *ranges = memory_take(d, n * sizeof *ranges, sizeof(int64_t));
    uint32_t step = (uint32_t)(2 * n_rows / (n + 1) + 1);
    int64_t most = (int64_t)n_rows, row = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t start = row + (whole ? 0 : draw_below(d, step) / 8);
        int64_t stop = whole ? most : start + draw_below(d, step);
        ranges[i] = (er_range){start < most ? start : most, stop < most ? stop : most};
        row = overlap ? 0 : ranges[i].stop;
    }
    shuffle(d, ranges, n);
    if (n && draw_one_in(d, 40)) ranges[draw_below(d, (uint32_t)n)].stop = most + 1;
    return (take_ranges){ranges, n, overlap};
}

const er_lookups *take_lookups(check *c, er_lookups *seen, size_t n_ranges, size_t n_queries) {
    draw *d = &c->draw;
    if (draw_one_in(d, 2)) return NULL;
    uint32_t n = (uint32_t)n_queries, share = 1 + draw_below(d, 8);
    int64_t *offsets = memory_take(d, (n_ranges + 1) * sizeof(int64_t), sizeof(int64_t));
    int32_t *numbers = memory_take(d, n_ranges * n * sizeof(int32_t), sizeof(int32_t));
    offsets[0] = 0;
    for (size_t i = 0; i < n_ranges; i++) {
        offsets[i + 1] = offsets[i];
        for (uint32_t q = n; q-- > 0;)
            if (draw_one_in(d, share)) numbers[offsets[i + 1]++] = (int32_t)q;
    }
    if (offsets[n_ranges] && draw_one_in(d, 40)) numbers[0] = (int32_t)n;
    *seen = (er_lookups){offsets, numbers};
    return seen;
}

size_t draw_k(draw *d, size_t n) {
    switch (draw_below(d, 32)) {
    case 0: return 0;
    case 1: return ER_TOPK_MAX + 1;
    case 2: return n + 5 <= ER_TOPK_MAX ? n + 5 : ER_TOPK_MAX;
    default: return 1 + draw_below(d, n < 200 ? 20 : 200);
    }
}

void *take_room(check *c, answer *out, const char *name, size_t n_bytes, size_t align) {
    output *o = out->outputs;
    while (o->at) o++;
    assert(o < out->outputs + MOST_OUTPUTS);
    *o = (output){name, memory_take(&c->draw, n_bytes, align), n_bytes, false};
    return o->at;
}

float *take_floats_room(check *c, answer *out, const char *name, size_t n) {
    float *at = take_room(c, out, name, n * sizeof(float), sizeof(float));
    for (output *o = out->outputs; o < out->outputs + MOST_OUTPUTS; o++) o->floats |= o->at == at;
    return at;
}

void take_ranked_room(check *c, answer *out, size_t k, size_t n) {
    size_t width = k < n ? k : n, n_keys = k >= 1 && k <= ER_TOPK_MAX ? er_topk_workspace(k) : 0;
    take_room(c, out, "rows", width * sizeof(int32_t), sizeof(int32_t));
    take_floats_room(c, out, "scores", width);
    out->scratch = memory_take(&c->draw, n_keys * sizeof(er_key), sizeof(er_key));
}
