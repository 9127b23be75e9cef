#include "bags.h"

#include "../rerank/gather.h"
#include "rows.h"

size_t er_bag_row_bytes(size_t dim, int bits) { return SCALE_BYTES + er_bag_code_bytes(dim, bits); }

/* Position of the first offset that falls, or lies outside [0, n_ids]; n + 1 if none does. */
static size_t first_bad_offset(const er_bags *bags, size_t n_ids) {
    int64_t least = 0;
    for (size_t i = 0; i <= bags->n; i++) {
        if (bags->offsets[i] < least || (uint64_t)bags->offsets[i] > n_ids) return i;
        least = bags->offsets[i];
    }
    return bags->n + 1;
}

/* Position of the first id that is no row; the loop that nearly always runs has no exit. */
static size_t first_outside(const er_bags *bags, size_t start, size_t stop, size_t n) {
    if (bags->ids32) return start + er_first_outside(bags->ids32 + start, stop - start, n);
    unsigned outside = 0;
    for (size_t at = start; at < stop; at++) outside |= (uint64_t)bags->ids64[at] >= n;
    size_t at = outside ? start : stop;
    while (at < stop && (uint64_t)bags->ids64[at] < n) at++; /* a negative id is a huge one here */
    return at;
}

static bool all_finite(const float *values, size_t n) {
    unsigned bad = 0;
    for (size_t i = 0; i < n; i++) bad |= !(values[i] - values[i] == 0.0f);
    return !bad;
}

er_status er_bag_sums(const er_kernel *kernel, const er_bag_table *table, const er_bags *bags,
                      int bits, size_t n_ids, float *out, size_t *at) {
    if (er_bag_row_bytes(table->dim, bits) > table->stride) return ER_TOO_LONG;
    *at = first_bad_offset(bags, n_ids);
    if (*at <= bags->n) return ER_BAD_OFFSET;
    size_t start = (size_t)bags->offsets[0], stop = (size_t)bags->offsets[bags->n];
    *at = first_outside(bags, start, stop, table->n);
    if (*at < stop) return ER_BAD_ROW;
    ((er_bag_i8_fn *)kernel->fn)(table, bags, out); /* both families have one type */
    for (*at = 0; *at < bags->n; (*at)++)
        if (!all_finite(out + *at * table->dim, table->dim)) return ER_NOT_FINITE;
    return ER_OK;
}
