/* Ranges of rows: what a search looks at, in the order in which it does. The whole of a table is
 * one range, a list of an index another; they may start at any row.
 */
#ifndef ER_RANGES_H
#define ER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct er_range {
    int64_t start, stop; /* rows [start, stop) */
} er_range;

/* Whether 0 <= start <= stop <= n_rows in each. */
bool er_ranges_fit(const er_range *ranges, size_t n_ranges, size_t n_rows);

/* Which queries see which range: those of range i are queries[offsets[i]] to
 * queries[offsets[i + 1] - 1]. The ranges are taken in their order, the rows of each read once. */
typedef struct er_lookups {
    const int64_t *offsets; /* one more than there are ranges, from 0, not descending */
    const int32_t *queries; /* offsets[n_ranges] numbers of queries */
} er_lookups;

/* Whether the offsets are as above and the numbers below n_queries. */
bool er_lookups_fit(const er_lookups *lookups, size_t n_ranges, size_t n_queries);

/* A place in ranges, and how many rows are still to come from it on. */
typedef struct er_cursor {
    const er_range *range; /* the range it stands in */
    size_t row;            /* the next row, or the end of that range */
    size_t left;           /* rows to come, in this range and those after it */
} er_cursor;

/* The rows of all ranges together. */
static inline size_t er_ranges_rows(const er_range *ranges, size_t n_ranges) {
    size_t rows = 0;
    for (size_t i = 0; i < n_ranges; i++) rows += (size_t)(ranges[i].stop - ranges[i].start);
    return rows;
}

/* A cursor over `rows` rows that come after the first `skipped`; ranges hold that many. */
static inline er_cursor er_cursor_at(const er_range *ranges, size_t skipped, size_t rows) {
    if (rows == 0) return (er_cursor){.range = ranges};
    while (skipped >= (size_t)(ranges->stop - ranges->start)) {
        skipped -= (size_t)(ranges->stop - ranges->start);
        ranges++;
    }
    return (er_cursor){.range = ranges, .row = (size_t)ranges->start + skipped, .left = rows};
}

/* Take the next rows, at most `most` of them and all of one range, which the cursor then stands in.
 * *start is the first; returns how many, 0 at the end. */
static inline size_t er_cursor_take(er_cursor *cursor, size_t most, size_t *start) {
    if (cursor->left == 0) return 0;
    while (cursor->row == (size_t)cursor->range->stop)
        cursor->row = (size_t)(++cursor->range)->start;
    size_t n = (size_t)cursor->range->stop - cursor->row;
    n = n < most ? n : most;
    n = n < cursor->left ? n : cursor->left;
    *start = cursor->row;
    cursor->row += n;
    cursor->left -= n;
    return n;
}

#endif
