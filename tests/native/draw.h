/* Decisions and data for a case: from a seed, or from a fuzzer's bytes.
 *
 * Whether a size, a pattern or a fault is drawn from a generator or from bytes that a fuzzer shapes,
 * the cases are made by the same code. When the bytes are used up, a generator goes on.
 */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct draw {
    const uint8_t *bytes; /* a fuzzer's, `left` of them; or NULL */
    size_t left;
    uint64_t state;
} draw;

draw draw_from_seed(uint64_t seed);
draw draw_from_bytes(const uint8_t *bytes, size_t n);

/* Uniform in [0, n), n >= 1. Takes no more bytes than n needs. */
uint32_t draw_below(draw *d, uint32_t n);
bool draw_one_in(draw *d, uint32_t n);

/* A length: 0, 1, about a vector's lanes or a multiple of them, or anything up to most. */
size_t draw_length(draw *d, size_t most);

/* The number of rows of a table of `width` bytes a row: mostly small; now and then so many that the
 * table outgrows the caches' share of a walk. */
size_t draw_rows(draw *d, size_t width);

/* n codes in [-most, most]: random, extremes, ties, zeros, ascending, sparse. */
void draw_codes(draw *d, int8_t *codes, size_t n, int most);

/* n floats: random, ties, signed zeros, ascending, descending, huge, subnormal; all finite. */
void draw_floats(draw *d, float *x, size_t n);

/* Make some of n floats infinite or NaN, or not. */
void draw_faults(draw *d, float *x, size_t n);

/* n positive finite floats. */
void draw_scales(draw *d, float *scales, size_t n);

/* n bytes: random, all zeros, all ones, sparse, dense, long runs. */
void draw_bitmap(draw *d, uint8_t *bitmap, size_t n_bytes);

#endif
