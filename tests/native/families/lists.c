#include <string.h>

#include "../families.h"

typedef struct {
    const float *scores;
    const int32_t *weights;
    size_t n;
    float threshold;
} weights;

static void draw_weights(check *c, void *inputs) {
    weights *in = inputs;
    in->n = draw_length(&c->draw, 3000);
    float *scores = take_floats(c, in->n);
    draw_faults(&c->draw, scores, in->n);
    int32_t *sizes = memory_take(&c->draw, in->n * sizeof *sizes, sizeof *sizes);
    for (size_t i = 0; i < in->n; i++) sizes[i] = (int32_t)draw_below(&c->draw, 700000);
    in->scores = scores;
    in->weights = sizes;
    in->threshold = in->n ? scores[draw_below(&c->draw, (uint32_t)in->n)] : 0.0f;
}

static void room_sum(check *c, const void *inputs, answer *out) {
    (void)inputs;
    take_room(c, out, "sum", sizeof(int32_t), sizeof(int32_t));
}

static void run_weigh(const er_kernel *kernel, const void *inputs, answer *out) {
    const weights *in = inputs;
    ((er_weigh_f32_fn *)kernel->fn)(in->scores, in->weights, in->n, in->threshold,
                                    out->outputs[0].at);
}

const check_family check_weigh_f32 = {"weigh_f32", "weigh_f32", draw_weights, room_sum, run_weigh};

typedef struct {
    er_query_i8 query;
    er_rows_i4 table;
    size_t start, n;
} scores;

/* Rows of four-bit codes; their nibbles may be anything. */
static er_rows_i4 take_table_i4(check *c, size_t n, size_t dim) {
    const size_t n_bytes = n * er_row_bytes_i4(dim);
    uint8_t *codes = memory_take(&c->draw, n_bytes, 1);
    draw_bitmap(&c->draw, codes, n_bytes);
    return (er_rows_i4){.codes = codes,
                        .scales = take_scales(c, n),
                        .offsets = draw_one_in(&c->draw, 2) ? take_floats(c, n) : NULL,
                        .n = n,
                        .dim = dim};
}

static void draw_scores(check *c, void *inputs) {
    scores *in = inputs;
    const size_t dim = draw_length(&c->draw, 400), n = draw_below(&c->draw, 200);
    in->query = (er_query_i8){take_codes(c, dim, 127), 0.03f};
    in->table = take_table_i4(c, n, dim);
    in->start = draw_below(&c->draw, (uint32_t)n + 1);
    in->n = draw_below(&c->draw, (uint32_t)(n - in->start) + 1);
}

static void scores_room(check *c, const void *inputs, answer *out) {
    take_floats_room(c, out, "scores", ((const scores *)inputs)->n);
}

static void run_scores(const er_kernel *kernel, const void *inputs, answer *out) {
    const scores *in = inputs;
    ((er_score_i4_fn *)kernel->fn)(&in->query, &in->table, in->start, in->n, out->outputs[0].at);
}

const check_family check_score_i4 = {"score_i4", "score_i4", draw_scores, scores_room, run_scores};

typedef struct {
    er_lists lists;
    er_later later;
    bool has_later;
    er_probing probing;
    const float *query;
    const uint8_t *eligible;
    bool fits;
} search;

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Cut n rows into so many ranges, empty ones among them. */
static er_range *take_pieces(check *c, size_t count, size_t n) {
    er_range *pieces = memory_take(&c->draw, count * sizeof *pieces, sizeof(int64_t));
    int64_t start = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t left = (int64_t)n - start;
        const int64_t size = draw_below(&c->draw, (uint32_t)(3 * n / (count + 1) + 2));
        pieces[i] = (er_range){start, start + (size < left ? size : left)};
        start = pieces[i].stop;
    }
    if (count && draw_one_in(&c->draw, 30)) pieces[count - 1].stop = (int64_t)n + 1;
    return pieces;
}

static er_rows_i8 take_centroids(check *c, size_t n, size_t dim) {
    er_rows_i8 rows = take_table(c, n, dim);
    rows.first_row = 0;
    if (!rows.offsets) rows.offsets = take_floats(c, n);
    return rows;
}

/* Up to two segments after the first rows, and some of those placed into lists. Now and then a row
 * of the order lies outside, or offsets fall. */
static void draw_later(check *c, const er_lists *lists, er_later *later) {
    draw *d = &c->draw;
    const size_t dim = lists->codes.dim;
    size_t n = lists->codes.n;
    *later =
        (er_later){.n_segments = draw_below(d, ER_LATER_SEGMENTS + 1), .n_lists = lists->lists.n};
    for (size_t i = 0; i < later->n_segments; i++) {
        er_rows_i8 codes = take_table(c, draw_below(d, 300), dim);
        codes.first_row = (int32_t)n;
        const float *vectors = lists->vectors ? take_floats(c, codes.n * dim) : NULL;
        later->segments[i] = (er_segment){codes, vectors, false};
        n += codes.n;
    }
    const size_t first = lists->codes.n, n_order = n - first;
    later->n_order = n_order;
    later->placed = first + draw_below(d, (uint32_t)n_order + 1);
    int32_t *order = memory_take(d, n_order * sizeof *order, sizeof *order);
    const size_t turn = n_order ? draw_below(d, (uint32_t)n_order) : 0;
    for (size_t i = 0; i < n_order; i++) order[i] = (int32_t)(first + (i + turn) % n_order);
    if (n_order && draw_one_in(d, 10)) order[turn] = draw_one_in(d, 2) ? -1 : (int32_t)n;
    later->order = order;
    int64_t *offsets = memory_take(d, (later->n_lists + 1) * sizeof *offsets, sizeof *offsets);
    offsets[0] = 0;
    for (size_t i = 0; i < later->n_lists; i++) {
        const uint32_t left = (uint32_t)((int64_t)n_order - offsets[i]);
        offsets[i + 1] = offsets[i] + draw_below(d, left / 4 + 2);
        if (offsets[i + 1] > (int64_t)n_order) offsets[i + 1] = (int64_t)n_order;
    }
    if (draw_one_in(d, 20)) offsets[draw_below(d, (uint32_t)later->n_lists + 1)] = -1;
    if (draw_one_in(d, 20))
        offsets[draw_below(d, (uint32_t)later->n_lists + 1)] = (int64_t)n_order + 1;
    later->offsets = offsets;
}

static void draw_search(check *c, void *inputs) {
    draw *d = &c->draw;
    search *in = inputs;
    const size_t dim = 1 + draw_below(d, 90), words = (dim + 63) / 64 + draw_below(d, 2);
    const size_t n = draw_below(d, 900), n_lists = draw_below(d, 40), n_groups = draw_below(d, 8);
    er_lists *lists = &in->lists;
    lists->groups = take_centroids(c, n_groups, dim);
    lists->lists = take_table_i4(c, n_lists, dim);
    if (!lists->lists.offsets) lists->lists.offsets = take_floats(c, n_lists);
    lists->codes = take_table(c, n, dim);
    lists->codes.first_row = 0;
    lists->members = take_pieces(c, n_groups, n_lists);
    lists->ranges = take_pieces(c, n_lists, n);
    int32_t *sizes = memory_take(d, n_lists * sizeof *sizes, sizeof *sizes);
    for (size_t i = 0; i < n_lists; i++)
        sizes[i] = (int32_t)(lists->ranges[i].stop - lists->ranges[i].start);
    lists->sizes = sizes;
    uint64_t *bits = memory_take(d, n * words * sizeof *bits, sizeof *bits);
    draw_bitmap(d, (uint8_t *)bits, n * words * sizeof *bits);
    lists->sketches = (er_rows_b1){.bits = bits,
                                   .factors = take_scales(c, n),
                                   .offsets = lists->codes.offsets,
                                   .n = n,
                                   .words = words};
    lists->n_rounds = 1 + draw_below(d, 3);
    int8_t *signs = memory_take(d, lists->n_rounds * 64 * words, 1);
    for (size_t i = 0; i < lists->n_rounds * 64 * words; i++) signs[i] = draw_one_in(d, 2) ? 1 : -1;
    lists->signs = signs;
    lists->vectors = draw_one_in(d, 2) ? take_floats(c, n * dim) : NULL;
    lists->half = false;
    lists->metric = (er_metric)draw_below(d, ER_L2 + 1);
    float *query = take_floats(c, dim);
    draw_faults(d, query, dim);
    in->query = query;
    in->has_later = draw_one_in(d, 2);
    if (in->has_later) draw_later(c, lists, &in->later);
    const size_t n_all = in->has_later ? larger(n, er_later_stop(&in->later)) : n;
    in->eligible = take_eligible(c, n_all);
    in->probing.k = draw_k(d, n);
    in->probing = (er_probing){.rows = draw_below(d, 1000),
                               .groups = draw_below(d, 9),
                               .further = 1 + draw_below(d, 3),
                               .shortlist = draw_one_in(d, 3) ? 0 : draw_below(d, 300),
                               .wanted = in->probing.k + draw_below(d, 40),
                               .k = in->probing.k};
    in->fits = er_lists_fit(lists);
    if (in->has_later)
        in->fits &= er_later_fit(&in->later, n, dim, lists->vectors != NULL, lists->half);
}

static void room_search(check *c, const void *inputs, answer *out) {
    const search *in = inputs;
    const size_t most = in->probing.k <= ER_TOPK_MAX ? in->probing.k : 0;
    take_room(c, out, "rows", most * sizeof(int32_t), sizeof(int32_t));
    take_floats_room(c, out, "scores", most);
    take_room(c, out, "numbers", in->lists.lists.n * sizeof(int32_t), sizeof(int32_t));
    take_room(c, out, "proposed and looked", 2 * sizeof(size_t), sizeof(size_t));
    size_t n_bytes = 0;
    if (in->probing.wanted <= ER_TOPK_MAX) n_bytes = er_lists_workspace(&in->lists, &in->probing);
    out->scratch = memory_take(&c->draw, n_bytes, _Alignof(max_align_t));
}

static void run_search(const er_kernel *kernel, const void *inputs, answer *out) {
    static const char *const MEASURES[] = {"inner_f32", "cosine_f32", "l2_f32"};
    const search *in = inputs;
    const er_lists_kernels kernels = {
        .quantize = check_beside(kernel, "quantize_f32"),
        .rotate = check_beside(kernel, "rotate_f32"),
        .scan = check_beside(kernel, "scan_i8"),
        .score = check_beside(kernel, "score_i4"),
        .sketches = kernel,
        .reach = check_beside(kernel, "reach_f32"),
        .products = check_beside(kernel, "inner_i8"),
        .weigh = check_beside(kernel, "weigh_f32"),
        .count = check_beside(kernel, "count_b1"),
        .measure = check_beside(kernel, MEASURES[in->lists.metric]),
    };
    out->status = ER_BAD_RANGE;
    if (!in->fits) return;
    size_t more[2] = {0, 0};
    out->status =
        er_lists_search(&kernels, &in->lists, in->has_later ? &in->later : NULL, &in->probing,
                        in->query, in->eligible, out->scratch, out->outputs[0].at,
                        out->outputs[1].at, &out->count, &more[0], out->outputs[2].at, &more[1]);
    if (out->status == ER_OK)
        memcpy(out->outputs[3].at, more, sizeof more);
    else
        out->count = 0;
}

const check_family check_lists = {"lists", "scan_b1", draw_search, room_search, run_search};
