#include "topk.h"

#include <assert.h>

/* With few wanted, a buffer of 2k would be cut back all the time; longer, the threshold would rise
 * too late. Measured: bench of docs/decisions/0001-kernel-layout.md. */
enum { SLACK = 64 };

size_t er_topk_workspace(size_t k) { return k + (k > SLACK ? k : SLACK); }

void er_topk_start(er_topk *top, er_key *keys, size_t k) {
    assert(k >= 1 && k <= ER_TOPK_MAX);
    *top =
        (er_topk){.keys = keys, .capacity = er_topk_workspace(k), .k = k, .threshold = -INFINITY};
}

void er_topk_shrink(er_topk *top) {
    er_keys_select(top->keys, top->size, top->k);
    top->size = top->k;
    top->floor = top->keys[0];
    for (size_t i = 1; i < top->k; i++)
        if (top->keys[i] < top->floor) top->floor = top->keys[i];
    top->threshold = er_key_score(top->floor);
}

void er_topk_offer_group(er_topk *top, const float *score, unsigned bits, int32_t first) {
    for (; bits; bits &= bits - 1) {
        int r = __builtin_ctz(bits);
        if (!(score[r] < top->threshold)) er_topk_offer(top, score[r], first + r);
    }
}

size_t er_topk_finish(er_topk *top, int32_t *rows, float *scores) {
    if (top->size > top->k) er_topk_shrink(top);
    er_keys_sort(top->keys, top->size);
    for (size_t i = 0; i < top->size; i++) {
        rows[i] = er_key_row(top->keys[i]);
        scores[i] = er_key_score(top->keys[i]);
    }
    return top->size;
}

er_status er_topk_f32(const er_kernel *kernel, const float *values, size_t n,
                      const uint8_t *eligible, size_t k, er_key *keys, int32_t *rows, float *scores,
                      size_t *found) {
    if (k < 1 || k > ER_TOPK_MAX) return ER_BAD_K;
    if (n > INT32_MAX) return ER_TOO_LONG;
    er_topk top;
    er_topk_start(&top, keys, k);
    ((er_topk_f32_fn *)kernel->fn)(values, n, eligible, &top);
    if (top.nan) return ER_NOT_FINITE;
    *found = er_topk_finish(&top, rows, scores);
    return ER_OK;
}
