#include "rows.h"

er_bag_i8_fn er_bag_i8_scalar;
er_bag_i4_fn er_bag_i4_scalar;

static int code_at(const uint8_t *codes, size_t d, int bits) {
    if (bits == 8) return (int8_t)codes[d];
    int nibble = codes[d / 2] >> 4 * (d % 2) & 0xF;
    return nibble < 8 ? nibble : nibble - 16;
}

static void sum_bags(const er_bag_table *table, const er_bags *bags, int bits, float *out) {
    for (size_t bag = 0; bag < bags->n; bag++, out += table->dim) {
        size_t start = (size_t)bags->offsets[bag], stop = (size_t)bags->offsets[bag + 1];
        for (size_t d = 0; d < table->dim; d++) out[d] = 0.0f;
        for (size_t p = start; p < stop; p++) {
            const uint8_t *row = er_bag_row(table, bags, p);
            float factor = er_bag_factor(bags, row, p);
            for (size_t d = 0; d < table->dim; d++)
                out[d] += factor * (float)code_at(row + SCALE_BYTES, d, bits);
        }
        if (bags->mean && start < stop)
            for (size_t d = 0; d < table->dim; d++) out[d] /= (float)(stop - start);
    }
}

void er_bag_i8_scalar(const er_bag_table *table, const er_bags *bags, float *out) {
    sum_bags(table, bags, 8, out);
}

void er_bag_i4_scalar(const er_bag_table *table, const er_bags *bags, float *out) {
    sum_bags(table, bags, 4, out);
}
