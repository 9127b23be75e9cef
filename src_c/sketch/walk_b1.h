/* The walk over the rows that the vector implementations share: which rows, in what order, what to
 * fetch ahead. An implementation defines INLINE (with its target), GROUP, its b1_query, prepare()
 * and score_group(), and includes this file.
 *
 * The walk takes blocks of up to 64 rows. Where many are eligible, groups are scored as they lie,
 * also those that reach into the rows behind a range. All other eligible rows are copied to a list,
 * over the ends of blocks and ranges, and scored in groups from there.
 */
#ifndef ER_WALK_B1_H
#define ER_WALK_B1_H

#include <string.h>

#include "../topk/eligible.h"
#include "scan_b1.h"

enum {
    DENSE = 24,  /* of 64 rows, so many eligible ones make a block worth scoring as it lies */
    LISTED = 64, /* rows of a list */
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
    uint64_t bits[LISTED * ER_SKETCH_MAX_WORDS];
    float factors[LISTED], offsets[LISTED], bases[LISTED];
    int32_t numbers[LISTED];
    size_t n;
} b1_list;

/* A walk, and the rows that it fetches meanwhile: about AHEAD rows further on, in the order of the
 * ranges. */
typedef struct {
    const b1_query *query;
    const er_rows_b1 *table;
    b1_list *list;
    er_topk *top;
    const er_range *ahead, *end; /* the range to fetch from, and the end of all */
    size_t row;                  /* the next row to fetch */
} b1_walk;

/* Scores of rows i to i + GROUP, which all exist; a bit for each that is not below the threshold,
 * which lets NaN through, to be noted. */
INLINE unsigned score_group(const b1_query *query, const b1_rows *rows, size_t i, float threshold,
                            float score[GROUP], size_t words, size_t n_planes);

INLINE void offer_list(const b1_walk *walk, size_t words, size_t n_planes) {
    b1_list *list = walk->list;
    const b1_rows rows = {.bits = list->bits,
                          .factors = list->factors,
                          .offsets = walk->table->offsets ? list->offsets : NULL,
                          .bases = list->bases};
    for (size_t i = 0; i < list->n; i += GROUP) {
        float score[GROUP];
        unsigned wanted = list->n - i < GROUP ? (1u << (list->n - i)) - 1 : (1u << GROUP) - 1;
        wanted &= score_group(walk->query, &rows, i, walk->top->threshold, score, words, n_planes);
        for (; wanted; wanted &= wanted - 1) {
            int r = __builtin_ctz(wanted);
            er_topk_offer(walk->top, score[r], list->numbers[i + (size_t)r]);
        }
    }
    list->n = 0;
}

INLINE void list_rows(const b1_walk *walk, size_t start, uint64_t wanted, float base, size_t words,
                      size_t n_planes) {
    const er_rows_b1 *table = walk->table;
    b1_list *list = walk->list;
    for (; wanted; wanted &= wanted - 1) {
        size_t row = start + (size_t)__builtin_ctzll(wanted), i = list->n++;
        memcpy(list->bits + i * words, table->bits + row * words, words * sizeof *table->bits);
        list->factors[i] = table->factors[row];
        if (table->offsets) list->offsets[i] = table->offsets[row];
        list->bases[i] = base;
        list->numbers[i] = table->first_row + (int32_t)row;
        if (list->n == LISTED) offer_list(walk, words, n_planes);
    }
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
INLINE void fetch_ahead(b1_walk *walk, size_t n, bool fetch, size_t words) {
    for (size_t i = 0; i < n && walk->ahead < walk->end; i++) {
        if (fetch) fetch_group(walk->table, walk->row, words);
        walk->row += GROUP;
        if (walk->row >= (size_t)walk->ahead->stop && ++walk->ahead < walk->end)
            walk->row = (size_t)walk->ahead->start;
    }
}

/* Offer the wanted rows of the group that starts at `row`, which may be followed by rows of other
 * ranges. Behind the end of the table there is no memory: there it is taken so much earlier. */
INLINE void offer_group(const b1_walk *walk, const b1_rows *rows, size_t row, unsigned wanted,
                        size_t words, size_t n_planes) {
    size_t end = row + GROUP, n = walk->table->n;
    size_t excess = end > n ? end - n : 0;
    if (excess > row) { /* the table is shorter than a group */
        list_rows(walk, row, wanted, rows->base, words, n_planes);
        return;
    }
    float score[GROUP];
    row -= excess;
    wanted <<= excess;
    wanted &= score_group(walk->query, rows, row, walk->top->threshold, score, words, n_planes);
    if (wanted)
        er_topk_offer_group(walk->top, score, wanted, walk->table->first_row + (int32_t)row);
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
            list_rows(walk, row, wanted, base, words, n_planes);
            continue;
        }
        for (size_t g = row; g < row + n; g += GROUP, wanted >>= GROUP) {
            fetch_ahead(walk, 1, true, words);
            unsigned group = (unsigned)wanted & ((1u << GROUP) - 1);
            if (group) offer_group(walk, &rows, g, group, words, n_planes);
        }
    }
}

INLINE void walk_ranges(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                        const float *bases, size_t n_ranges, size_t words, size_t n_planes,
                        er_topk *top) {
    b1_list list;
    list.n = 0;
    const b1_query ready = prepare(query, words, n_planes);
    b1_walk walk = {&ready, table, &list, top, .ahead = ranges, .end = ranges + n_ranges};
    if (n_ranges) walk.row = (size_t)ranges->start;
    fetch_ahead(&walk, AHEAD / GROUP, table->eligible == NULL, words);
    for (size_t r = 0; r < n_ranges; r++)
        walk_range(&walk, ranges[r], bases ? bases[r] : 0.0f, words, n_planes);
    offer_list(&walk, words, n_planes);
}

INLINE void walk_words(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                       const float *bases, size_t n_ranges, size_t words, er_topk *top) {
    switch (query->n_planes) {
    case 1: walk_ranges(query, table, ranges, bases, n_ranges, words, 1, top); break;
    case 4: walk_ranges(query, table, ranges, bases, n_ranges, words, 4, top); break;
    default: walk_ranges(query, table, ranges, bases, n_ranges, words, query->n_planes, top);
    }
}

/* With the numbers of words and planes known at compile time the loops over them unroll. */
INLINE void walk_table(const er_query_b1 *query, const er_rows_b1 *table, const er_range *ranges,
                       const float *bases, size_t n_ranges, er_topk *top) {
    switch (table->words) {
    case 1: walk_words(query, table, ranges, bases, n_ranges, 1, top); break;
    case 2: walk_words(query, table, ranges, bases, n_ranges, 2, top); break;
    case 4: walk_words(query, table, ranges, bases, n_ranges, 4, top); break;
    case 6: walk_words(query, table, ranges, bases, n_ranges, 6, top); break;
    default: walk_words(query, table, ranges, bases, n_ranges, table->words, top);
    }
}

#endif
