/* Where things stand in a row of a table of bags; layout in bags.h. */
#ifndef ER_BAG_ROWS_H
#define ER_BAG_ROWS_H

#include <string.h>

#include "bags.h"

enum { SCALE_BYTES = sizeof(float) };

static inline size_t er_bag_code_bytes(size_t dim, int bits) {
    return bits == 8 ? dim : dim / 2 + dim % 2;
}

static inline size_t er_bag_id(const er_bags *bags, size_t position) {
    return bags->ids64 ? (size_t)bags->ids64[position] : (size_t)bags->ids32[position];
}

static inline const uint8_t *er_bag_row(const er_bag_table *table, const er_bags *bags,
                                        size_t position) {
    return table->rows + er_bag_id(bags, position) * table->stride;
}

/* What the codes of the row at `position` are multiplied with. */
static inline float er_bag_factor(const er_bags *bags, const uint8_t *row, size_t position) {
    float scale;
    memcpy(&scale, row, SCALE_BYTES);
    return bags->weights ? bags->weights[position] * scale : scale;
}

#endif
