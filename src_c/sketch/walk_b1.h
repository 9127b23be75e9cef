/* The walk over the rows that the vector implementations share: which rows, in what order, what to
 * fetch ahead. An implementation defines INLINE (with its target), GROUP, its b1_query, prepare()
 * and score_group(), and includes this file.
 *
 * The walk takes blocks of up to 64 rows. Where many are eligible, groups are scored as they lie,
 * also those that reach into the rows behind a range. All other eligible rows wait in a queue, over
 * the ends of blocks and ranges, while they are fetched; the first of them are copied side by side
 * and scored in groups.
 */
#ifndef ER_WALK_B1_H
#define ER_WALK_B1_H

#include <string.h>

#include "../topk/best.h"
#include "../topk/eligible.h"
#include "scan_b1.h"

enum {
    DENSE = 24,  /* of 64 rows, so many eligible ones make a block worth scoring as it lies */
    COPIED = 64, /* rows that are taken from the queue together */
    QUEUED = 4 * COPIED,
    AHEAD = 320, /* rows between prefetch and use: some lists of an index */
    CACHE_LINE = 64,
};

/* Rows that lie one after another. */
typedef struct {
    const uint64_t *bits;
    const float *factors;
    const float *offsets; /* or NULL */
    const float *bases;   /* or NULL: all have the same */
    float base;
} b1_rows;

typedef struct {
    int32_t rows[QUEUED]; /* numbers, as in the result */
    float bases[QUEUED];
    size_t n;
    uint64_t bits[COPIED * ER_SKETCH_MAX_WORDS]; /* what is copied of the first of them */
    float factors[COPIED], offsets[COPIED];
} b1_queue;

/* A walk, and the rows that it fetches meanwhile: about AHEAD rows further on, in the order of the
 * ranges. */
typedef struct {
    const b1_query *query;
    const er_rows_b1 *table;
    b1_queue *queue;
    er_scored *scored;
    er_best *best;
    const er_range *ahead, *end; /* the range to fetch from, and the end of all */
    size_t row;                  /* the next row to fetch */
} b1_walk;

/* Scores of rows i to i + GROUP, which all exist. */
INLINE void score_group(const b1_query *query, const b1_rows *rows, size_t i, float score[GROUP],
                        size_t words, size_t n_planes);

/* Move those of GROUP scores and row numbers that have a bit to the front. */
INLINE void close_up(float *scores, int32_t *numbers, unsigned bits);

/* The same without vectors, nor branches. */
INLINE void close_up_one_by_one(float *scores, int32_t *numbers, unsigned bits) {
    size_t kept = 0;
    for (size_t r = 0; r < GROUP; r++) {
        scores[kept] = scores[r];
        numbers[kept] = numbers[r];
        kept += bits >> r & 1;
    }
}

/* GROUP more scores were written, of which n count. */
INLINE void advance(const b1_walk *walk, size_t n) {
    walk->scored->n += n;
    if (walk->scored->n + GROUP > ER_BEST_BLOCK) er_scored_offer(walk->scored, walk->best);
}

/* Score the first n of the rows that wait. */
INLINE void score_waiting(const b1_walk *walk, size_t n, size_t words, size_t n_planes) {
    const er_rows_b1 *table = walk->table;
    b1_queue *queue = walk->queue;
    for (size_t i = 0; i < n; i++) {
        const size_t row = (size_t)(queue->rows[i] - table->first_row);
        memcpy(queue->bits + i * words, table->bits + row * words, words * sizeof *table->bits);
        queue->factors[i] = table->factors[row];
        if (table->offsets) queue->offsets[i] = table->offsets[row];
    }
    const b1_rows rows = {.bits = queue->bits,
                          .factors = queue->factors,
                          .offsets = table->offsets ? queue->offsets : NULL,
                          .bases = queue->bases};
    for (size_t i = 0; i < n; i += GROUP) {
        float *scores = walk->scored->scores + walk->scored->n;
        int32_t *numbers = walk->scored->rows + walk->scored->n;
        score_group(walk->query, &rows, i, scores, words, n_planes);
        memcpy(numbers, queue->rows + i, GROUP * sizeof *numbers);
        advance(walk, n - i < GROUP ? n - i : GROUP);
    }
    queue->n -= n;
    memmove(queue->rows, queue->rows + n, queue->n * sizeof *queue->rows);
    memmove(queue->bases, queue->bases + n, queue->n * sizeof *queue->bases);
}

INLINE void fetch(const void *at, size_t bytes) {
    for (size_t b = 0; b < bytes; b += CACHE_LINE) __builtin_prefetch((const char *)at + b);
}

/* Have the wanted of 64 rows from `start` on fetched, and wait. */
INLINE void queue_rows(const b1_walk *walk, size_t start, uint64_t wanted, float base, size_t words,
                       size_t n_planes) {
    const er_rows_b1 *table = walk->table;
    b1_queue *queue = walk->queue;
    for (; wanted; wanted &= wanted - 1) {
        const size_t row = start + (size_t)__builtin_ctzll(wanted);
        fetch(table->bits + row * words, words * sizeof *table->bits);
        fetch(table->factors + row, sizeof *table->factors);
        if (table->offsets) fetch(table->offsets + row, sizeof *table->offsets);
        queue->rows[queue->n] = table->first_row + (int32_t)row;
        queue->bases[queue->n++] = base;
    }
    if (queue->n > QUEUED - ER_BLOCK) score_waiting(walk, COPIED, words, n_planes);
}

/* The rows may lie past the table, where a prefetch does nothing. */
INLINE void fetch_group(const er_rows_b1 *table, size_t row, size_t words) {
    uintptr_t bits = (uintptr_t)(table->bits) + row * words * sizeof *table->bits;
    for (size_t b = 0; b < GROUP * words * sizeof *table->bits; b += CACHE_LINE)
        __builtin_prefetch((const void *)(bits + b));
    __builtin_prefetch((const void *)((uintptr_t)table->factors + row * sizeof *table->factors));
    if (table->offsets)
        __builtin_prefetch(
            (const void *)((uintptr_t)table->offsets + row * sizeof *table->offsets));
}

/* Fetch the next n groups, or pass over them. */
INLINE void fetch_ahead(b1_walk *walk, size_t n, bool wanted, size_t words) {
    for (size_t i = 0; i < n && walk->ahead < walk->end; i++) {
        if (wanted) fetch_group(walk->table, walk->row, words);
        walk->row += GROUP;
        if (walk->row >= (size_t)walk->ahead->stop && ++walk->ahead < walk->end)
            walk->row = (size_t)walk->ahead->start;
    }
}

/* Score the wanted rows of the group that starts at `row`, which may be followed by rows of other
 * ranges. Behind the end of the table there is no memory: there it is taken so much earlier. */
INLINE void score_lying(const b1_walk *walk, const b1_rows *rows, size_t row, unsigned wanted,
                        size_t words, size_t n_planes) {
    size_t end = row + GROUP, n = walk->table->n;
    size_t excess = end > n ? end - n : 0;
    if (excess > row) { /* the table is shorter than a group */
        queue_rows(walk, row, wanted, rows->base, words, n_planes);
        return;
    }
    row -= excess;
    wanted <<= excess;
    er_scored *scored = walk->scored;
    float *scores = scored->scores + scored->n;
    int32_t *numbers = scored->rows + scored->n;
    const int32_t first = walk->table->first_row + (int32_t)row;
    score_group(walk->query, rows, row, scores, words, n_planes);
    for (int32_t r = 0; r < GROUP; r++) numbers[r] = first + r;
    if (wanted & (wanted + 1)) close_up(scores, numbers, wanted); /* not the first ones */
    advance(walk, (size_t)__builtin_popcount(wanted));
}

INLINE void walk_range(b1_walk *walk, er_range range, float base, size_t words, size_t n_planes) {
    const er_rows_b1 *table = walk->table;
    const b1_rows rows = {.bits = table->bits,
                          .factors = table->factors,
                          .offsets = table->offsets,
                          .base = base};
    size_t stop = (size_t)range.stop;
    for (size_t row = (size_t)range.start; row < stop; row += ER_BLOCK) {
        size_t n = stop - row < ER_BLOCK ? stop - row : ER_BLOCK;
        uint64_t wanted = er_eligible_bits(table->eligible, row, n);
        if ((size_t)__builtin_popcountll(wanted) * ER_BLOCK < DENSE * n) {
            fetch_ahead(walk, (n + GROUP - 1) / GROUP, false, words);
            queue_rows(walk, row, wanted, base, words, n_planes);
            continue;
        }
        for (size_t g = row; g < row + n; g += GROUP, wanted >>= GROUP) {
            fetch_ahead(walk, 1, true, words);
            unsigned group = (unsigned)wanted & ((1u << GROUP) - 1);
            if (group) score_lying(walk, &rows, g, group, words, n_planes);
        }
    }
}

INLINE void walk_ranges(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                        const float *bases, size_t n_ranges, size_t words, size_t n_planes,
                        er_best *best) {
    b1_queue queue;
    er_scored scored;
    queue.n = scored.n = 0;
    const b1_query ready = prepare(query, words, n_planes);
    b1_walk walk = {
        &ready, table, &queue, &scored, best, .ahead = ranges, .end = ranges + n_ranges};
    if (n_ranges) walk.row = (size_t)ranges->start;
    fetch_ahead(&walk, AHEAD / GROUP, table->eligible == NULL, words);
    for (size_t r = 0; r < n_ranges; r++)
        walk_range(&walk, ranges[r], bases ? bases[r] : 0.0f, words, n_planes);
    while (queue.n > 0) score_waiting(&walk, queue.n < COPIED ? queue.n : COPIED, words, n_planes);
    er_scored_offer(&scored, best);
}

INLINE void walk_words(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                       const float *bases, size_t n_ranges, size_t words, er_best *best) {
    switch (query->n_planes) {
    case 1: walk_ranges(query, table, ranges, bases, n_ranges, words, 1, best); break;
    case 4: walk_ranges(query, table, ranges, bases, n_ranges, words, 4, best); break;
    default: walk_ranges(query, table, ranges, bases, n_ranges, words, query->n_planes, best);
    }
}

/* With the numbers of words and planes known at compile time the loops over them unroll. */
INLINE void walk_table(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                       const float *bases, size_t n_ranges, er_best *best) {
    switch (table->words) {
    case 1: walk_words(query, table, ranges, bases, n_ranges, 1, best); break;
    case 2: walk_words(query, table, ranges, bases, n_ranges, 2, best); break;
    case 4: walk_words(query, table, ranges, bases, n_ranges, 4, best); break;
    case 6: walk_words(query, table, ranges, bases, n_ranges, 6, best); break;
    default: walk_words(query, table, ranges, bases, n_ranges, table->words, best);
    }
}

#endif
