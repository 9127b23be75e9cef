/* The walk of many queries that the vector implementations share: rows are collected into panels of
 * 64, so that neither filters nor the ends of ranges leave a vector half empty. A panel is laid out
 * anew with rows as lanes, scored against four queries at a time, and the rows of the next one are
 * fetched meanwhile. An implementation defines INLINE (with its target), fill_panel() and
 * score_tile(), and includes this file.
 * Decision, with measurements: docs/decisions/0001-kernel-layout.md
 */
#ifndef ER_SCAN_PANELS_H
#define ER_SCAN_PANELS_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "../topk/eligible.h"
#include "scan_many.h"

enum {
    PANEL = 64,      /* rows: the lanes of four vectors of 16, of eight of 8 */
    PART = 16,       /* rows of a panel that are laid out at a time */
    TILE = 4,        /* queries scored together */
    STREAMS = 4,     /* distant places from which panels are filled in turn */
    SMALL = 1 << 20, /* bytes of codes that stay in the cache, where one stream is faster */
    CACHE_LINE = 64,
    QUADS = 4, /* codes of a row that stand together in a panel */
};

/* Rows on their way to be scored; they come from one range if queries look ranges up. */
typedef struct {
    uint32_t rows[PANEL];
    size_t n;
    size_t range;
    bool consecutive;
} panel_rows;

typedef struct {
    const er_queries_i8 *queries;
    const er_rows_i8 *table;
    const er_range *ranges;
    const er_lookups *lookups;
    er_topk *tops;
    /* of the scratch */
    int32_t *query_codes; /* queries, as score_tile() wants them: `steps` words each */
    float *limits;        /* queries: only a score, or a scaled sum, not below it may enter */
    int32_t *panel;       /* rows as lanes */
    size_t steps;         /* words of a query, and of a row */
    /* where rows come from */
    er_cursor streams[STREAMS];
    size_t n_streams, stream;
    size_t start; /* of a block, whose rows are still to be taken */
    uint64_t bits;
    size_t range;
    /* the panel under work */
    float scales[PANEL], offsets[PANEL];
    bool finite; /* all its scales and offsets are */
} many_search;

/* Lay out PART rows, from place `at` of the panel on. */
INLINE void fill_panel(many_search *search, const int8_t *const rows[PART], size_t at);

/* Score a panel against the first `count` of four queries and offer what may enter. */
INLINE void score_tile(many_search *search, const panel_rows *rows, const size_t ids[TILE],
                       size_t count);

/* Range `i` has nobody to see it. */
INLINE bool is_unseen(const many_search *search, size_t i) {
    const er_lookups *lookups = search->lookups;
    return lookups && lookups->offsets[i] == lookups->offsets[i + 1];
}

/* Go on to the next block that has eligible rows; false at the end. */
INLINE bool next_block(many_search *search) {
    for (size_t idle = 0; idle < search->n_streams;) {
        er_cursor *cursor = &search->streams[search->stream];
        search->stream = (search->stream + 1) % search->n_streams;
        size_t n = er_cursor_take(cursor, ER_BLOCK, &search->start);
        idle = n ? 0 : idle + 1;
        if (n == 0) continue;
        search->range = (size_t)(cursor->range - search->ranges);
        if (is_unseen(search, search->range)) continue;
        search->bits = er_eligible_bits(search->table->eligible, search->start, n);
        if (search->bits) return true;
    }
    return false;
}

/* Collect the rows of the next panel. */
INLINE void collect(many_search *search, panel_rows *next) {
    next->n = 0;
    next->consecutive = false;
    while (next->n < PANEL) {
        if (!search->bits && !next_block(search)) break;
        if (next->n && search->lookups && search->range != next->range) break;
        next->range = search->range;
        if (search->bits == UINT64_MAX && next->n == 0) {
            for (size_t r = 0; r < PANEL; r++) next->rows[r] = (uint32_t)(search->start + r);
            next->n = PANEL;
            next->consecutive = true;
            search->bits = 0;
        }
        for (; search->bits && next->n < PANEL; search->bits &= search->bits - 1)
            next->rows[next->n++] =
                (uint32_t)(search->start + (size_t)__builtin_ctzll(search->bits));
    }
}

/* Ask for the part of a panel's rows that falls to turn i of n. */
INLINE void fetch(const many_search *search, const panel_rows *rows, size_t i, size_t n) {
    const er_rows_i8 *table = search->table;
    for (size_t r = rows->n * i / n; r < rows->n * (i + 1) / n; r++) {
        const int8_t *row = table->codes + rows->rows[r] * table->dim;
        for (size_t b = 0; b < table->dim; b += CACHE_LINE) __builtin_prefetch(row + b);
        __builtin_prefetch(table->scales + rows->rows[r]);
        if (table->offsets) __builtin_prefetch(table->offsets + rows->rows[r]);
    }
}

/* Places of the panel beyond its rows repeat the first one; nobody looks at their scores. */
INLINE uint32_t row_at(const panel_rows *rows, size_t place) {
    return rows->rows[place < rows->n ? place : 0];
}

/* The scales, or offsets, of a panel's rows; whether all of them are finite. */
INLINE bool gather_floats(const float *from, const panel_rows *rows, float to[PANEL]) {
    if (rows->consecutive && rows->n == PANEL)
        memcpy(to, from + rows->rows[0], PANEL * sizeof(float));
    else
        for (size_t r = 0; r < PANEL; r++) to[r] = from[row_at(rows, r)];
    int odd = 0;
    for (size_t r = 0; r < PANEL; r++) odd |= !(fabsf(to[r]) <= FLT_MAX);
    return !odd;
}

/* The queries that see a panel, in tiles; the last is filled up with its first. */
INLINE void score_panel(many_search *search, const panel_rows *rows, const panel_rows *next) {
    const er_lookups *lookups = search->lookups;
    const int32_t *seen = lookups ? lookups->queries + lookups->offsets[rows->range] : NULL;
    size_t n = lookups ? (size_t)(lookups->offsets[rows->range + 1] - lookups->offsets[rows->range])
                       : search->queries->n;
    size_t parts = (rows->n + PART - 1) / PART, turns = parts + (n + TILE - 1) / TILE, turn = 0;
    for (size_t p = 0; p < parts; p++) {
        const int8_t *codes[PART];
        for (size_t r = 0; r < PART; r++)
            codes[r] = search->table->codes + row_at(rows, p * PART + r) * search->table->dim;
        fill_panel(search, codes, p * PART);
        fetch(search, next, turn++, turns);
    }
    search->finite = gather_floats(search->table->scales, rows, search->scales);
    if (search->table->offsets)
        search->finite &= gather_floats(search->table->offsets, rows, search->offsets);
    for (size_t q = 0; q < n; q += TILE) {
        size_t ids[TILE], count = n - q < TILE ? n - q : TILE;
        for (size_t j = 0; j < TILE; j++) {
            size_t at = q + (j < count ? j : 0);
            ids[j] = seen ? (size_t)seen[at] : at;
        }
        score_tile(search, rows, ids, count);
        fetch(search, next, turn++, turns);
    }
}

/* A bound on scaled sums below which none, times the query's scale, reaches the threshold: so most
 * rows are turned away without that product. The margin is wider than the product's rounding, also
 * where the threshold is subnormal. */
static inline float limit_of(float threshold, float scale) {
    double least = threshold > FLT_MAX ? FLT_MAX : threshold;
    least = (least - fabs(least) * 0x1p-20 - 0x1p-148) / scale;
    return least < -FLT_MAX ? -INFINITY : least > FLT_MAX ? FLT_MAX : (float)least;
}

static inline void raise_limit(many_search *search, size_t id) {
    float threshold = search->tops[id].threshold;
    search->limits[id] =
        search->table->offsets ? threshold : limit_of(threshold, search->queries->scales[id]);
}

/* Offer those of a query's values, from place `at` of the panel on, that have a bit: they are not
 * below its limit. */
static void offer_values(many_search *search, const panel_rows *rows, size_t at, size_t id,
                         const float *values, uint64_t bits) {
    er_topk *top = &search->tops[id];
    const float reached = top->threshold;
    const float scale = search->table->offsets ? 1.0f : search->queries->scales[id];
    if (rows->n - at < PANEL) bits &= ((uint64_t)1 << (rows->n - at)) - 1;
    for (; bits; bits &= bits - 1) {
        size_t r = (size_t)__builtin_ctzll(bits);
        float score = values[r] * scale;
        if (!(score < top->threshold))
            er_topk_offer(top, score, search->table->first_row + (int32_t)rows->rows[at + r]);
    }
    if (top->threshold > reached) raise_limit(search, id);
}

INLINE void open_streams(many_search *search, size_t n_ranges) {
    size_t rows = er_ranges_rows(search->ranges, n_ranges);
    bool split = !search->lookups && rows * search->table->dim > SMALL;
    search->n_streams = split ? STREAMS : 1;
    size_t each = (rows / search->n_streams + ER_BLOCK - 1) / ER_BLOCK * ER_BLOCK, first = 0;
    for (size_t s = 0; s < search->n_streams; s++, first += each)
        search->streams[s] = er_cursor_at(search->ranges, first < rows ? first : rows,
                                          first >= rows         ? 0
                                          : rows - first < each ? rows - first
                                                                : each);
}

/* From the cache, a few queries are answered sooner one after another, rows as they lie. */
static inline bool is_done_singly(const er_queries_i8 *queries, const er_rows_i8 *table,
                                  const er_range *ranges, size_t n_ranges,
                                  const er_lookups *lookups, size_t few) {
    return !lookups && queries->n <= few && er_ranges_rows(ranges, n_ranges) * table->dim <= SMALL;
}

static inline void search_singly(er_scan_i8_fn *scan, const er_queries_i8 *queries,
                                 const er_rows_i8 *table, const er_range *ranges, size_t n_ranges,
                                 er_topk *tops) {
    for (size_t q = 0; q < queries->n; q++) {
        er_query_i8 query = {queries->codes + q * table->dim, queries->scales[q]};
        scan(&query, table, ranges, n_ranges, &tops[q]);
    }
}

INLINE void search_panels(many_search *search, size_t n_ranges) {
    open_streams(search, n_ranges);
    for (size_t q = 0; q < search->queries->n; q++) raise_limit(search, q);
    panel_rows two[2];
    collect(search, &two[0]);
    fetch(search, &two[0], 0, 1);
    for (size_t i = 0; two[i % 2].n; i++) {
        collect(search, &two[(i + 1) % 2]);
        score_panel(search, &two[i % 2], &two[(i + 1) % 2]);
    }
}

#endif
