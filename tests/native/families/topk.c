#include <stddef.h>
#include <string.h>

#include "../families.h"

typedef struct {
    size_t n, k;
    const float *values;
    const uint8_t *eligible;
} topk;

static void draw_case(check *c, void *inputs) {
    topk *in = inputs;
    in->n = draw_length(&c->draw, draw_one_in(&c->draw, 20) ? 60000 : 3000);
    in->k = draw_k(&c->draw, in->n);
    float *values = take_floats(c, in->n);
    draw_faults(&c->draw, values, in->n);
    in->values = values;
    in->eligible = take_eligible(c, in->n);
}

static void room(check *c, const void *inputs, answer *out) {
    const topk *in = inputs;
    take_ranked_room(c, out, in->k, in->n);
}

static void run(const er_kernel *kernel, const void *inputs, answer *out) {
    const topk *in = inputs;
    out->status = er_topk_f32(kernel, in->values, in->n, in->eligible, in->k, out->scratch,
                              out->outputs[0].at, out->outputs[1].at, &out->count);
}

const check_family check_topk_f32 = {"topk_f32", "topk_f32", draw_case, room, run};

typedef struct {
    size_t n, k, block;
    const float *scores;
    const int32_t *rows;
    float bar;
} selection;

/* At times all alike, few different ones, or ascending, which raises the bar most often. */
static void draw_selection(check *c, void *inputs) {
    draw *d = &c->draw;
    selection *in = inputs;
    in->n = draw_length(d, draw_one_in(d, 20) ? 60000 : 3000);
    in->k = draw_k(d, in->n);
    in->block = 1 + draw_below(d, 3000);
    float *scores = take_floats(c, in->n);
    draw_faults(d, scores, in->n);
    const uint32_t different = draw_one_in(d, 4) ? 1 + draw_below(d, 5) : 0;
    const bool ascending = draw_one_in(d, 4);
    for (size_t i = 0; i < in->n; i++) {
        if (different) scores[i] = (float)draw_below(d, different);
        if (ascending) scores[i] = (float)i;
    }
    int32_t *rows = memory_take(d, in->n * sizeof *rows, sizeof *rows);
    const size_t step =
        draw_one_in(d, 2) ? 1 : in->n - 1; /* which has no divisor with n in common */
    for (size_t i = 0; i < in->n; i++) rows[i] = (int32_t)(i * step % in->n);
    in->scores = scores;
    in->rows = rows;
    in->bar = in->n ? scores[draw_below(d, (uint32_t)in->n)] : 0.0f;
}

static void room_reach(check *c, const void *inputs, answer *out) {
    const selection *in = inputs;
    take_floats_room(c, out, "scores", in->n);
    take_room(c, out, "rows", in->n * sizeof(int32_t), sizeof(int32_t));
    take_room(c, out, "counted", sizeof(size_t), sizeof(size_t));
}

/* What is kept stands where it was, so that what lies behind is alike too. */
static void run_reach(const er_kernel *kernel, const void *inputs, answer *out) {
    const selection *in = inputs;
    er_reach_f32_fn *reach = (er_reach_f32_fn *)kernel->fn;
    float *scores = out->outputs[0].at;
    int32_t *rows = out->outputs[1].at;
    reach(in->scores, in->rows, in->n, in->bar, NULL, NULL, out->outputs[2].at);
    if (in->n) {
        memcpy(scores, in->scores, in->n * sizeof *scores);
        memcpy(rows, in->rows, in->n * sizeof *rows);
    }
    reach(scores, rows, in->n, in->bar, scores, rows, &out->count);
    for (size_t i = out->count; i < in->n; i++) {
        scores[i] = 0.0f;
        rows[i] = 0;
    }
}

const check_family check_reach_f32 = {"reach_f32", "reach_f32", draw_selection, room_reach,
                                      run_reach};

static void room_best(check *c, const void *inputs, answer *out) {
    const selection *in = inputs;
    const size_t most = in->k <= ER_TOPK_MAX ? in->k : 0;
    take_room(c, out, "rows", most * sizeof(int32_t), sizeof(int32_t));
    take_floats_room(c, out, "scores", most);
    const size_t n_bytes = most ? er_best_workspace(most) : 0;
    out->scratch = memory_take(&c->draw, n_bytes, _Alignof(max_align_t));
}

static void run_best(const er_kernel *kernel, const void *inputs, answer *out) {
    const selection *in = inputs;
    out->status = ER_BAD_K;
    if (in->k < 1 || in->k > ER_TOPK_MAX) return;
    er_best best;
    er_best_start(&best, kernel, out->scratch, in->k);
    for (size_t i = 0; i < in->n; i += in->block)
        er_best_offer(&best, in->scores + i, in->rows + i,
                      in->n - i < in->block ? in->n - i : in->block);
    out->count = er_best_finish_sorted(&best, out->outputs[0].at, out->outputs[1].at);
    out->status = best.nan ? ER_NOT_FINITE : ER_OK;
    if (best.nan) out->count = 0;
}

const check_family check_best_f32 = {"best_f32", "reach_f32", draw_selection, room_best, run_best};
