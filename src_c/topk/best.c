#include "best.h"

#include <assert.h>
#include <math.h>

#include "extremes.h"

/* More than k may stay when the bar is raised, so that a few counts are enough. */
static size_t spare(size_t k) { return k / 8; }

/* Kept rows until the bar is raised. */
static size_t capacity_for(size_t k) {
    return k + spare(k) + (k > ER_BEST_BLOCK ? k : ER_BEST_BLOCK);
}

/* Elements of each array, an even number. */
static size_t room_for(size_t k) { return (capacity_for(k) + ER_REACH_ROOM + 1) / 2 * 2; }

size_t er_best_workspace(size_t k) {
    return room_for(k) * (sizeof(er_key) + sizeof(float) + sizeof(int32_t));
}

void er_best_start(er_best *best, const er_kernel *reach, void *memory, size_t k) {
    assert(k >= 1 && k <= ER_TOPK_MAX);
    er_key *keys = memory;
    float *scores = (float *)(keys + room_for(k));
    *best = (er_best){.reach = (er_reach_f32_fn *)reach->fn,
                      .keys = keys,
                      .scores = scores,
                      .rows = (int32_t *)(scores + room_for(k)),
                      .capacity = capacity_for(k),
                      .k = k,
                      .bar = -INFINITY};
}

static size_t count(const er_best *best, float bar) {
    size_t n;
    best->reach(best->scores, best->rows, best->n, bar, NULL, NULL, &n);
    return n;
}

static bool has_nan(const er_best *best) {
    if (count(best, INFINITY) == 0) return false;
    for (size_t i = 0; i < best->n; i++)
        if (isnan(best->scores[i])) return true;
    return false;
}

/* Keep exactly the k best, whatever the scores. */
static void select(er_best *best) {
    for (size_t i = 0; i < best->n; i++) best->keys[i] = er_key_of(best->scores[i], best->rows[i]);
    er_keys_select(best->keys, best->n, best->k);
    best->n = best->k;
    for (size_t i = 0; i < best->n; i++) {
        best->scores[i] = er_key_score(best->keys[i]);
        best->rows[i] = er_key_row(best->keys[i]);
        best->bar = i == 0 || best->scores[i] < best->bar ? best->scores[i] : best->bar;
    }
}

/* Raise the bar, so that it keeps the k best and at most `more`. Halving finds one soon, unless
 * scores are alike or infinite: then those that are left are sorted out by their keys. */
static void raise_bar(er_best *best, size_t more) {
    enum { HALVINGS = 24 };
    best->nan |= has_nan(best);
    if (best->nan) best->n = 0; /* that is the answer, whatever else comes */
    if (best->n <= best->k + more) return;
    float least, most;
    er_extremes_f32(best->scores, best->n, &least, &most);
    size_t n = best->n;
    for (size_t i = 0; i < HALVINGS && n > best->k + more; i++) {
        const float middle = least / 2 + most / 2;
        const size_t reaching = count(best, middle);
        if (reaching < best->k) {
            most = middle;
        } else {
            least = middle;
            n = reaching;
        }
    }
    best->reach(best->scores, best->rows, best->n, least, best->scores, best->rows, &best->n);
    best->bar = least;
    if (best->n > best->k + more) select(best);
}

void er_best_offer(er_best *best, const float *scores, const int32_t *rows, size_t n) {
    while (n > 0) {
        const size_t some = n < ER_BEST_BLOCK ? n : ER_BEST_BLOCK;
        if (best->capacity - best->n < some) raise_bar(best, spare(best->k));
        size_t kept;
        best->reach(scores, rows, some, best->bar, best->scores + best->n, best->rows + best->n,
                    &kept);
        best->n += kept;
        scores += some;
        rows += some;
        n -= some;
    }
}

size_t er_best_finish(er_best *best) {
    raise_bar(best, 0);
    return best->n;
}

size_t er_best_finish_sorted(er_best *best, int32_t *rows, float *scores) {
    const size_t n = er_best_finish(best);
    for (size_t i = 0; i < n; i++) best->keys[i] = er_key_of(best->scores[i], best->rows[i]);
    er_keys_sort(best->keys, n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = er_key_row(best->keys[i]);
        scores[i] = er_key_score(best->keys[i]);
    }
    return n;
}
