#include "lists.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "../bitmap/bitmap.h"
#include "../quantize/quantize.h"
#include "../rerank/inner_i8.h"
#include "../rotate/rotate.h"
#include "../topk/extremes.h"
#include "weigh.h"

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

bool er_lists_fit(const er_lists *lists) {
    const size_t n_groups = lists->groups.n, n_lists = lists->lists.n, n = lists->codes.n;
    if (n_groups > ER_TOPK_MAX || n > INT32_MAX || lists->sketches.n != n) return false;
    if (lists->groups.dim != lists->codes.dim || lists->lists.dim != lists->codes.dim) return false;
    if (lists->sketches.words < 1 || lists->sketches.words > ER_SKETCH_MAX_WORDS) return false;
    if (!er_ranges_fit(lists->members, n_groups, n_lists)) return false;
    if (er_ranges_rows(lists->members, n_groups) > n_lists) return false;
    if (!er_ranges_fit(lists->ranges, n_lists, n)) return false;
    for (size_t i = 0; i < n_lists; i++)
        if (lists->sizes[i] != lists->ranges[i].stop - lists->ranges[i].start) return false;
    return er_ranges_rows(lists->ranges, n_lists) <= n;
}

/* The scratch of one search, cut into its arrays. */
typedef struct {
    er_key *keys;
    uint64_t *planes;
    float *rotated;
    int8_t *codes;
    int32_t *ranked, *sizes; /* lists that were scored, and how many rows they hold */
    float *scores;
    int32_t *kept; /* those of these that reach a score */
    float *kept_scores;
    int32_t *numbers; /* lists that are looked into, before that groups */
    float *bases;     /* their scores, later products of the query with their centroids */
    er_range *ranges;
    int32_t *rows; /* rows proposed, then rows decided among, with those that came later */
    float *products;
    float *decoded; /* one row */
} workspace;

static size_t proposed_at_most(const er_probing *probing) {
    return larger(probing->shortlist, probing->wanted);
}

/* Take n elements of `size` bytes; from 0 on only the bytes are counted. */
static void *taken(uintptr_t *place, size_t n, size_t size) {
    const uintptr_t to = alignof(max_align_t), start = (*place + to - 1) / to * to;
    *place = start + n * size;
    return (void *)start;
}

static size_t cut_up(const er_lists *lists, const er_probing *probing, void *scratch,
                     workspace *work) {
    const size_t n_groups = lists->groups.n, n_lists = lists->lists.n;
    const size_t proposed = proposed_at_most(probing), words = lists->sketches.words;
    uintptr_t place = (uintptr_t)scratch;
    const size_t selection = larger(er_topk_workspace(larger(n_groups, proposed)) * sizeof(er_key),
                                    er_best_workspace(proposed));
    work->keys = taken(&place, selection, 1);
    work->planes = taken(&place, ER_LISTS_PLANES * words, sizeof *work->planes);
    work->rotated = taken(&place, 64 * words, sizeof *work->rotated);
    work->codes = taken(&place, lists->codes.dim, sizeof *work->codes);
    work->decoded = taken(&place, lists->codes.dim, sizeof *work->decoded);
    const size_t scored = larger(proposed, 2 * probing->wanted);
    work->rows = taken(&place, scored, sizeof *work->rows);
    work->products = taken(&place, scored, sizeof *work->products);
    work->ranked = taken(&place, n_lists, sizeof *work->ranked);
    work->scores = taken(&place, n_lists, sizeof *work->scores);
    work->sizes = taken(&place, n_lists, sizeof *work->sizes);
    work->kept = taken(&place, n_lists + ER_REACH_ROOM, sizeof *work->kept);
    work->kept_scores = taken(&place, n_lists + ER_REACH_ROOM, sizeof *work->kept_scores);
    work->numbers = taken(&place, larger(n_groups, n_lists), sizeof *work->numbers);
    work->bases = taken(&place, larger(n_groups, n_lists), sizeof *work->bases);
    work->ranges = taken(&place, n_lists, sizeof *work->ranges);
    return place - (uintptr_t)scratch;
}

size_t er_lists_workspace(const er_lists *lists, const er_probing *probing) {
    workspace work;
    return cut_up(lists, probing, NULL, &work);
}

/* A search under way. */
typedef struct {
    const er_lists_kernels *kernels;
    const er_lists *lists;
    const er_probing *probing;
    const float *query;
    const uint8_t *eligible;
    er_query_i8 coded;
    float norm;
    workspace work;
} search;

static float length_of(const float *query, size_t dim) {
    double squares = 0.0;
    for (size_t i = 0; i < dim; i++) squares += (double)query[i] * (double)query[i];
    return squares > 0.0 ? (float)sqrt(squares) : 1.0f;
}

/* Score the lists of the best groups, in the order of these; returns how many. */
static size_t score_lists(const search *s, size_t wanted) {
    const er_lists *lists = s->lists;
    const er_query_i8 query = {s->coded.codes,
                               lists->metric == ER_L2 ? s->coded.scale : s->coded.scale / s->norm};
    const bool all = wanted >= lists->groups.n;
    size_t n_groups = lists->groups.n, n = 0;
    int32_t *groups = s->work.numbers; /* not yet in use */
    if (!all) {
        er_topk top;
        er_topk_start(&top, s->work.keys, wanted);
        ((er_scan_i8_fn *)s->kernels->scan->fn)(&query, &lists->groups,
                                                &(er_range){0, (int64_t)n_groups}, 1, &top);
        n_groups = er_topk_finish(&top, groups, s->work.bases);
    }
    for (size_t g = 0; g < n_groups; g++) {
        const er_range members = lists->members[all ? g : (size_t)groups[g]];
        const size_t start = (size_t)members.start, size = (size_t)members.stop - start;
        ((er_score_i4_fn *)s->kernels->score->fn)(&query, &lists->lists, start, size,
                                                  s->work.scores + n);
        memcpy(s->work.sizes + n, lists->sizes + start, size * sizeof *lists->sizes);
        for (size_t i = 0; i < size; i++) s->work.ranked[n + i] = (int32_t)(start + i);
        n += size;
    }
    return n;
}

/* The score that so few of n lists reach that these hold `rows` rows and hardly more: the range of
 * scores is halved until it is found. -infinity if all of them hold fewer. */
static float score_for(const search *s, size_t n, double rows) {
    enum { HALVINGS = 12 };
    const double hardly_more = rows + rows / 32;
    const float *scores = s->work.scores;
    float least, most;
    er_extremes_f32(scores, n, &least, &most);
    er_weigh_f32_fn *weigh = (er_weigh_f32_fn *)s->kernels->weigh->fn;
    int32_t held, above;
    weigh(scores, s->work.sizes, n, least, &held);
    if (held < rows) return -INFINITY;
    for (int i = 0; i < HALVINGS && held > hardly_more; i++) {
        const float middle = least + (most - least) / 2;
        weigh(scores, s->work.sizes, n, middle, &above);
        if (above < rows) {
            most = middle;
        } else {
            least = middle;
            held = above;
        }
    }
    return least;
}

/* Which of LEVELS parts of the range from `least` to `most` a score lies in, 0 for the best. */
enum { LEVELS = 16 };
static inline size_t level_of(float score, float least, float scale) {
    const float height = (score - least) * scale; /* NaN where the range is none */
    const int level = height >= 0.0f && height < LEVELS ? (int)height
                      : height > 0.0f                   ? LEVELS - 1
                                                        : 0;
    return (size_t)(LEVELS - 1 - level);
}

/* Take those of n lists that reach a score, the better ones roughly first, so that the threshold of
 * what they are searched for rises early; returns how many. */
static size_t take_from(const search *s, size_t n, float score) {
    const workspace *work = &s->work;
    size_t m;
    ((er_reach_f32_fn *)s->kernels->reach->fn)(work->scores, work->ranked, n, score,
                                               work->kept_scores, work->kept, &m);
    float least, most;
    er_extremes_f32(work->kept_scores, m, &least, &most);
    const float scale = (float)LEVELS / (most - score);
    size_t starts[LEVELS + 1] = {0};
    for (size_t i = 0; i < m; i++) starts[level_of(work->kept_scores[i], score, scale) + 1]++;
    for (size_t level = 0; level < LEVELS; level++) starts[level + 1] += starts[level];
    for (size_t i = 0; i < m; i++) {
        const size_t to = starts[level_of(work->kept_scores[i], score, scale)]++;
        work->numbers[to] = work->kept[i];
        work->bases[to] = work->kept_scores[i];
        work->ranges[to] = s->lists->ranges[work->kept[i]];
    }
    return m;
}

/* Geometric mean of the rows of m ranges and of those that are eligible. */
static double held_by(const search *s, size_t m) {
    double seen = 0.0, held = 0.0;
    for (size_t i = 0; i < m; i++) {
        const size_t start = (size_t)s->work.ranges[i].start, stop = (size_t)s->work.ranges[i].stop;
        seen += (double)(stop - start);
        held += (double)er_bitmap_count(s->kernels->count, s->eligible, start, stop);
    }
    return sqrt(seen * held);
}

/* Choose the lists to look into; returns how many. */
static size_t choose(const search *s) {
    const double enough = (double)s->probing->rows;
    double rows = enough * s->probing->further;
    double groups = (double)larger(s->probing->groups, 1) * s->probing->further;
    bool all = groups >= (double)s->lists->groups.n;
    size_t n = score_lists(s, all ? SIZE_MAX : (size_t)groups);
    for (;;) {
        const float score = score_for(s, n, rows);
        if (score > -INFINITY || all) {
            const size_t m = take_from(s, n, score);
            if (score == -INFINITY || !s->eligible || held_by(s, m) >= enough) return m;
            rows *= 2;
        } else {
            n = score_lists(s, SIZE_MAX);
            all = true;
        }
    }
}

/* Propose rows of the first `looked` lists. */
static er_status propose(const search *s, size_t looked, size_t *proposed) {
    const er_lists *lists = s->lists;
    if (s->probing->shortlist == 0) {
        er_rows_i8 codes = lists->codes;
        codes.eligible = s->eligible;
        return er_scan_i8(s->kernels->scan, &s->coded, &codes, s->work.ranges, looked,
                          s->probing->wanted, s->work.keys, s->work.rows, s->work.products,
                          proposed);
    }
    for (size_t i = 0; i < looked; i++) { /* from scores to products with the centroids */
        const float product = s->work.bases[i] - lists->lists.offsets[s->work.numbers[i]];
        s->work.bases[i] = lists->metric == ER_L2 ? product : product * s->norm;
    }
    const size_t words = lists->sketches.words;
    er_query_b1 query = {.planes = s->work.planes, .n_planes = ER_LISTS_PLANES};
    er_status status = er_rotate_f32(s->kernels->rotate, s->query, 1, lists->codes.dim, 64 * words,
                                     lists->signs, lists->n_rounds, s->work.rotated);
    if (status == ER_OK)
        status =
            er_sketch_query(s->work.rotated, words, ER_LISTS_PLANES, s->work.planes, &query.step);
    if (status != ER_OK) return status;
    er_rows_b1 sketches = lists->sketches;
    sketches.eligible = s->eligible;
    er_best best;
    er_best_start(&best, s->kernels->reach, s->work.keys, proposed_at_most(s->probing));
    ((er_scan_b1_fn *)s->kernels->sketches->fn)(&query, &sketches, s->work.ranges, s->work.bases,
                                                looked, &best);
    *proposed = er_best_finish(&best);
    memcpy(s->work.rows, best.rows, *proposed * sizeof *best.rows); /* in no order */
    return best.nan ? ER_NOT_FINITE : ER_OK;
}

/* Keep the best k of m rows, whose scores are finite; best first. */
static size_t best(const search *s, size_t m, size_t k, int32_t *rows, float *scores) {
    er_topk top;
    er_topk_start(&top, s->work.keys, k);
    for (size_t i = 0; i < m; i++)
        if (!(s->work.products[i] < top.threshold))
            er_topk_offer(&top, s->work.products[i], s->work.rows[i]);
    return er_topk_finish(&top, rows, scores);
}

/* Of the m rows proposed keep those that are decided among; returns how many, and their scores by
 * the vectors. */
static er_status decide(const search *s, size_t *m) {
    const er_lists *lists = s->lists;
    const size_t wanted = s->probing->wanted;
    int32_t *rows = s->work.rows;
    float *scores = s->work.products;
    if (*m > wanted) {
        size_t at;
        const er_status status =
            er_inner_i8(s->kernels->products, &s->coded, &lists->codes, rows, *m, scores, &at);
        if (status != ER_OK) return status;
        *m = best(s, *m, wanted, rows, scores);
    }
    const er_segment segment = {lists->codes, lists->vectors, lists->half};
    return er_segment_measure(s->kernels->measure, lists->metric, s->query, &segment, rows, *m,
                              s->work.decoded, scores);
}

/* Add the rows that came later to the m that are decided among; how many were *proposed. */
static er_status decide_later(const search *s, const er_later *later, size_t looked, size_t *m,
                              size_t *proposed) {
    er_topk top;
    er_topk_start(&top, s->work.keys, s->probing->wanted);
    er_status status = er_later_propose(later, s->kernels->products, &s->coded, s->eligible,
                                        s->work.numbers, looked, &top, proposed);
    if (status != ER_OK) return status;
    if (top.size > top.k) er_topk_shrink(&top); /* their order does not matter */
    status = er_later_measure(later, s->kernels->measure, s->lists->metric, s->query, top.keys,
                              top.size, s->work.decoded, s->work.rows + *m, s->work.products + *m);
    *m += top.size;
    return status;
}

er_status er_lists_search(const er_lists_kernels *kernels, const er_lists *lists,
                          const er_later *later, const er_probing *probing, const float *query,
                          const uint8_t *eligible, void *scratch, int32_t *rows, float *scores,
                          size_t *found, size_t *proposed, int32_t *numbers, size_t *looked) {
    if (probing->k < 1 || probing->k > probing->wanted) return ER_BAD_K;
    if (proposed_at_most(probing) > ER_TOPK_MAX) return ER_BAD_K;
    if (!(probing->further >= 1.0)) return ER_BAD_SCALE;
    search s = {kernels, lists,    probing,
                query,   eligible, .norm = length_of(query, lists->codes.dim)};
    cut_up(lists, probing, scratch, &s.work);
    s.coded.codes = s.work.codes;
    size_t done;
    er_status status = er_quantize_f32(kernels->quantize, query, 1, lists->codes.dim, s.work.codes,
                                       &s.coded.scale, &done);
    if (status != ER_OK) return status;
    *looked = choose(&s);
    status = propose(&s, *looked, proposed);
    if (status != ER_OK) return status;
    if (numbers) memcpy(numbers, s.work.numbers, *looked * sizeof *numbers);
    size_t m = *proposed, more = 0;
    status = decide(&s, &m);
    if (status == ER_OK && later) status = decide_later(&s, later, *looked, &m, &more);
    if (status != ER_OK) return status;
    *proposed += more;
    *found = best(&s, m, probing->k, rows, scores);
    return ER_OK;
}
