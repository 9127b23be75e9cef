#include "later.h"

#include "../rerank/inner_i8.h"
#include "../topk/eligible.h"

bool er_later_fit(const er_later *later, size_t first, size_t dim, bool vectors, bool half) {
    if (later->n_segments > ER_LATER_SEGMENTS) return false;
    for (size_t i = 0; i < later->n_segments; i++) {
        const er_segment *segment = &later->segments[i];
        if (segment->codes.dim != dim || (segment->vectors != NULL) != vectors) return false;
        if (vectors && segment->half != half) return false;
        if (segment->codes.first_row < 0 || (size_t)segment->codes.first_row != first) return false;
        if (segment->codes.n > INT32_MAX - first) return false;
        first += segment->codes.n;
    }
    return true;
}

size_t er_later_stop(const er_later *later) {
    if (later->n_segments == 0) return 0;
    const er_rows_i8 *last = &later->segments[later->n_segments - 1].codes;
    return (size_t)last->first_row + last->n;
}

/* Rows of one segment that wait for their scores. */
enum { BLOCK = 256, AHEAD = 8 };
typedef struct {
    int32_t rows[BLOCK];
    float scores[BLOCK];
    size_t n, seen;
    const er_kernel *products;
    const er_query_i8 *query;
    const er_rows_i8 *codes;
    er_topk *top;
} waiting;

/* Score what waits, and offer it. */
static er_status offer(waiting *some) {
    size_t at;
    const er_status status = er_inner_i8(some->products, some->query, some->codes, some->rows,
                                         some->n, some->scores, &at);
    if (status != ER_OK) return status;
    for (size_t i = 0; i < some->n; i++)
        if (!(some->scores[i] < some->top->threshold))
            er_topk_offer(some->top, some->scores[i], some->rows[i] + some->codes->first_row);
    some->seen += some->n;
    some->n = 0;
    return ER_OK;
}

/* Ask memory for a row: rows lie in the order in which they came, those of one list far apart. */
static inline void ask(const er_rows_i8 *codes, size_t place) {
    enum { LINE = 64 };
    const int8_t *row = codes->codes + place * codes->dim;
    for (size_t d = 0; d < codes->dim; d += LINE) __builtin_prefetch(row + d);
    __builtin_prefetch(codes->scales + place);
}

/* The same for what was placed into a list, whose offset nobody has checked yet. */
static inline void ask_list(const er_later *later, size_t number) {
    const uintptr_t order = (uintptr_t)later->order;
    __builtin_prefetch(
        (const void *)(order + (uintptr_t)later->offsets[number] * sizeof *later->order));
}

/* Have a row wait if it is one of the segment's, and eligible. */
static er_status take(waiting *some, size_t row, const uint8_t *eligible) {
    const size_t place = row - (size_t)some->codes->first_row;
    if (place >= some->codes->n || !er_is_eligible(eligible, row)) return ER_OK;
    ask(some->codes, place);
    some->rows[some->n++] = (int32_t)place;
    return some->n == BLOCK ? offer(some) : ER_OK;
}

/* Take what was placed into list `number`. */
static er_status take_list(waiting *some, const er_later *later, size_t number,
                           const uint8_t *eligible) {
    const int64_t start = later->offsets[number], stop = later->offsets[number + 1];
    if (start < 0 || stop < start || (uint64_t)stop > later->n_order) return ER_BAD_OFFSET;
    er_status status = ER_OK;
    for (int64_t i = start; i < stop && status == ER_OK; i++)
        status = take(some, (size_t)later->order[i], eligible);
    return status;
}

er_status er_later_propose(const er_later *later, const er_kernel *products,
                           const er_query_i8 *query, const uint8_t *eligible,
                           const int32_t *numbers, size_t n_numbers, er_topk *top, size_t *seen) {
    waiting some = {.products = products, .query = query, .top = top};
    er_status status = ER_OK;
    for (size_t i = 0; i < later->n_segments; i++) {
        some.codes = &later->segments[i].codes;
        const size_t first = (size_t)some.codes->first_row, stop = first + some.codes->n;
        for (size_t l = 0; l < n_numbers && status == ER_OK; l++) {
            if (l + AHEAD < n_numbers) ask_list(later, (size_t)numbers[l + AHEAD]);
            status = take_list(&some, later, (size_t)numbers[l], eligible);
        }
        for (size_t row = later->placed > first ? later->placed : first;
             row < stop && status == ER_OK; row++)
            status = take(&some, row, eligible);
        if (status == ER_OK) status = offer(&some);
        if (status != ER_OK) return status;
    }
    *seen = some.seen;
    return ER_OK;
}

er_status er_later_measure(const er_later *later, const er_kernel *kernel, er_metric metric,
                           const float *query, const er_key *keys, size_t m, float *decoded,
                           int32_t *rows, float *scores) {
    size_t done = 0;
    for (size_t i = 0; i < later->n_segments; i++) {
        const er_segment *segment = &later->segments[i];
        const int32_t first = segment->codes.first_row;
        size_t n = 0;
        for (size_t j = 0; j < m; j++) {
            const int32_t row = er_key_row(keys[j]);
            if (row >= first && (size_t)(row - first) < segment->codes.n)
                rows[done + n++] = row - first;
        }
        const er_status status = er_segment_measure(kernel, metric, query, segment, rows + done, n,
                                                    decoded, scores + done);
        if (status != ER_OK) return status;
        for (size_t j = 0; j < n; j++) rows[done + j] += first;
        done += n;
    }
    return ER_OK;
}
