/* The walk over the rows that the vector implementations share: which rows, in what order, and what
 * to fetch ahead. An implementation defines INLINE (with its target), GROUP, its scan_query,
 * score_four() and offer_group(), and includes this file.
 *
 * The walk takes blocks of up to 64 rows. Of a block with many eligible rows the whole groups are
 * scored as they lie. All other eligible rows are listed and fetched ahead, over the ends of blocks
 * and ranges, then scored four at a time.
 * Decision, with measurements: docs/decisions/0001-kernel-layout.md
 */
#ifndef ER_SCAN_WALK_H
#define ER_SCAN_WALK_H

#include "../topk/eligible.h"
#include "scan.h"

enum {
    DENSE = 40,      /* of 64 rows, so many eligible ones make a block worth scoring whole */
    STREAMS = 4,     /* distant blocks walked together: one core draws more from memory that way */
    SMALL = 1 << 20, /* bytes of codes that stay in the cache, where one stream is faster */
    AHEAD = 24,      /* rows between prefetch and use, half as many where rows are long */
    CACHE_LINE = 64,
};

/* Scores of four rows; a bit for each that is not below the threshold, which lets NaN through, to be
 * noted. */
INLINE unsigned score_four(const scan_query *query, const er_rows_i8 *table, const uint32_t rows[4],
                           float threshold, size_t dim, float score[4]);

/* Score the rows from start to start + GROUP, which all exist, and offer those that have a bit. */
INLINE void offer_group(const scan_query *query, const er_rows_i8 *table, size_t start,
                        unsigned bits, size_t dim, er_topk *top);

/* Rows that are not scored as they lie, on their way to be scored. */
typedef struct {
    uint32_t rows[2 * ER_BLOCK];
    size_t n;
} scan_list;

/* Rows of one stream that are walked together. */
typedef struct {
    size_t start, stop; /* stop: where their range ends */
    uint64_t bits;      /* whole groups to be scored */
} scan_block;

/* The rows may lie past the table, where a prefetch does nothing. */
INLINE void fetch_codes(const er_rows_i8 *table, size_t row, size_t n, size_t dim) {
    uintptr_t codes = (uintptr_t)table->codes + row * dim;
    for (size_t b = 0; b < n * dim; b += CACHE_LINE) __builtin_prefetch((const void *)(codes + b));
}

INLINE void list_rows(scan_list *list, const er_rows_i8 *table, size_t start, uint64_t bits,
                      size_t dim) {
    for (; bits; bits &= bits - 1) {
        size_t row = start + (size_t)__builtin_ctzll(bits);
        fetch_codes(table, row, 1, dim);
        __builtin_prefetch(table->scales + row);
        list->rows[list->n++] = (uint32_t)row;
    }
}

/* Score four rows and offer the first n of them. */
INLINE void offer_four(const scan_query *query, const er_rows_i8 *table, const uint32_t rows[4],
                       unsigned n, size_t dim, er_topk *top) {
    float score[4];
    unsigned bits = score_four(query, table, rows, top->threshold, dim, score) & ((1u << n) - 1);
    for (; bits; bits &= bits - 1) {
        int r = __builtin_ctz(bits);
        er_topk_offer(top, score[r], table->first_row + (int32_t)rows[r]);
    }
}

INLINE void offer_list(scan_list *list, const scan_query *query, const er_rows_i8 *table,
                       size_t dim, er_topk *top) {
    for (size_t r = list->n; r % 4 != 0; r++)
        list->rows[r] = list->rows[0]; /* fill the last four */
    for (size_t r = 0; r < list->n; r += 4)
        offer_four(query, table, list->rows + r, list->n - r < 4 ? (unsigned)(list->n - r) : 4, dim,
                   top);
    list->n = 0;
}

/* A range is entered: ask for the first rows of the one after it. */
INLINE void fetch_next_range(const er_cursor *cursor, const er_rows_i8 *table, size_t dim) {
    const er_range *range = cursor->range;
    if (cursor->left <= (size_t)range->stop - cursor->row) return; /* none comes */
    size_t start = (size_t)range[1].start, n = (size_t)(range[1].stop - range[1].start);
    fetch_codes(table, start, n < AHEAD + GROUP ? n : AHEAD + GROUP, dim);
    if (n) __builtin_prefetch(table->scales + start);
}

/* The next block of a stream. Rows that are not to be scored as they lie are listed. */
INLINE scan_block next_block(er_cursor *cursor, scan_list *list, const scan_query *query,
                             const er_rows_i8 *table, size_t dim, er_topk *top) {
    scan_block block = {.bits = 0};
    size_t n = er_cursor_take(cursor, ER_BLOCK, &block.start);
    if (n == 0) return block;
    block.stop = (size_t)cursor->range->stop;
    if (block.start == (size_t)cursor->range->start) fetch_next_range(cursor, table, dim);
    uint64_t bits = er_eligible_bits(table->eligible, block.start, n);
    if ((size_t)__builtin_popcountll(bits) * ER_BLOCK >= DENSE * n) {
        uint64_t whole = ((uint64_t)1 << n / GROUP * GROUP % ER_BLOCK) - 1;
        block.bits = n == ER_BLOCK ? bits : bits & whole;
    }
    list_rows(list, table, block.start, bits & ~block.bits, dim);
    if (list->n > ER_BLOCK) offer_list(list, query, table, dim, top);
    return block;
}

/* Walk one block of each stream, a group of each in turn; whether there was any. */
INLINE bool walk_blocks(er_cursor *cursors, size_t streams, scan_list *list,
                        const scan_query *query, const er_rows_i8 *table, size_t dim,
                        er_topk *top) {
    scan_block blocks[STREAMS];
    uint64_t any = 0;
    size_t left = 0;
    for (size_t s = 0; s < streams; s++) {
        left += cursors[s].left;
        blocks[s] = next_block(&cursors[s], list, query, table, dim, top);
        any |= blocks[s].bits;
    }
    if (!any) return left != 0;
    for (size_t g = 0; g < ER_BLOCK; g += GROUP)
        for (size_t s = 0; s < streams; s++) {
            unsigned group = (unsigned)(blocks[s].bits >> g) & ((1u << GROUP) - 1);
            if (!group) continue;
            size_t row = blocks[s].start + g;
            size_t later = row + (dim > 128 ? AHEAD / 2 : AHEAD);
            if (later < blocks[s].stop) fetch_codes(table, later, GROUP, dim);
            offer_group(query, table, row, group, dim, top);
        }
    return true;
}

INLINE void walk(const scan_query *query, const er_rows_i8 *table, const er_range *ranges,
                 size_t n_ranges, size_t dim, er_topk *top) {
    scan_list list;
    list.n = 0;
    er_cursor cursors[STREAMS];
    size_t rows = er_ranges_rows(ranges, n_ranges);
    size_t each = rows * dim > SMALL ? rows / (STREAMS * ER_BLOCK) * ER_BLOCK : 0;
    for (size_t s = 0; each && s < STREAMS; s++) cursors[s] = er_cursor_at(ranges, s * each, each);
    if (each)
        while (walk_blocks(cursors, STREAMS, &list, query, table, dim, top)) {
        }
    cursors[0] = er_cursor_at(ranges, STREAMS * each, rows - STREAMS * each);
    while (walk_blocks(cursors, 1, &list, query, table, dim, top)) {
    }
    offer_list(&list, query, table, dim, top);
}

#endif
