/* What cases are made of: guarded arrays with drawn contents, and the room of answers. */
#ifndef TAKE_H
#define TAKE_H

#include "check.h"

int8_t *take_codes(check *c, size_t n, int most); /* in [-most, most], any alignment */
float *take_floats(check *c, size_t n);           /* finite */
float *take_scales(check *c, size_t n);           /* finite, > 0 */
uint8_t *take_eligible(check *c, size_t n);       /* a bitmap of n rows, or NULL */

/* m row numbers below n; at times one outside. */
int32_t *take_row_numbers(check *c, size_t m, size_t n);

er_query_i8 take_query(check *c, size_t dim); /* at times one that is refused */
er_rows_i8 take_table(check *c, size_t n, size_t dim);

/* Ranges of n rows in any order, empty ones among them, or the whole table; at times some that
 * overlap, or one that is refused. */
typedef struct take_ranges {
    const er_range *at;
    size_t n;
    bool overlap;
} take_ranges;

take_ranges take_ranges_of(check *c, size_t n_rows);

/* Some queries for each range, each once, filled in; or NULL. At times a query that is none. */
const er_lookups *take_lookups(check *c, er_lookups *seen, size_t n_ranges, size_t n_queries);

/* A k for n rows; at times one that is refused. */
size_t draw_k(draw *d, size_t n);

/* Room for an array of the answer; take_floats_room for one of floats. */
void *take_room(check *c, answer *out, const char *name, size_t n_bytes, size_t align);
float *take_floats_room(check *c, answer *out, const char *name, size_t n);

/* Room for the k best of n rows in outputs 0 (rows) and 1 (scores), and for the keys. */
void take_ranked_room(check *c, answer *out, size_t k, size_t n);

#endif
