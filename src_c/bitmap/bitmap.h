/* Sets of rows as bitmaps: combined, counted, listed, changed.
 *
 * Row i is bit i % 8 of byte i / 8 (little bit order); a set of n rows has (n + 7) / 8 bytes, at any
 * alignment. Bits beyond n may be anything in what is read, and are zero in what is written.
 * Every ISA returns the same bits. No allocation, no global state, reentrant.
 */
#ifndef ER_BITMAP_H
#define ER_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"
#include "../ranges.h"
#include "../status.h"

/* What becomes of one set when another meets it. */
typedef enum er_join {
    ER_JOIN_COPY,     /* it becomes the other */
    ER_JOIN_COPY_NOT, /* it becomes what the other lacks */
    ER_JOIN_AND,
    ER_JOIN_AND_NOT,
    ER_JOIN_OR,
    ER_JOIN_OR_NOT,
    ER_JOINS
} er_join;

/* One step of a program over a stack of sets. The first two joins push; the others change the top
 * of the stack. */
typedef struct er_bitmap_step {
    er_join join;
    int32_t input; /* which input; ER_POPPED stands for the top, which is taken off first */
} er_bitmap_step;

enum { ER_POPPED = -1, ER_BITMAP_DEPTH = 32 /* sets on the stack at most */ };

/* Kernel: join `bytes` bytes of `other` to `set`; they must not overlap unless they are the same. */
typedef void er_join_b1_fn(uint8_t *set, const uint8_t *other, size_t bytes, er_join join);

/* Kernel: *count = bits set in `bytes` bytes. */
typedef void er_count_b1_fn(const uint8_t *set, size_t bytes, size_t *count);

/* Bytes of scratch that er_bitmap_combine needs. */
size_t er_bitmap_workspace(void);

/* Run a program over all inputs in one pass: they are read block by block, so that what is between
 * stays in the L1 cache.
 *   inputs  sets of n rows
 *   steps   leave exactly one set on the stack
 *   out     a set of n rows, overlapping no input
 *   count   its rows
 * ER_BAD_STEP for an unknown join or input, a stack that runs empty or over, or more or less than
 * one set left. */
er_status er_bitmap_combine(const er_kernel *join, const er_kernel *count,
                            const uint8_t *const *inputs, size_t n_inputs,
                            const er_bitmap_step *steps, size_t n_steps, size_t n, uint8_t *out,
                            uint8_t *scratch, size_t *found);

/* Rows set in [start, stop). */
size_t er_bitmap_count(const er_kernel *count, const uint8_t *set, size_t start, size_t stop);

/* counts[i] = rows set in ranges[i], which may overlap. ER_BAD_ROW, before anything is written,
 * unless er_ranges_fit(). */
er_status er_bitmap_count_ranges(const er_kernel *count, const uint8_t *set, size_t n,
                                 const er_range *ranges, size_t n_ranges, int64_t *counts);

/* Write the rows of a set, ascending; room for er_bitmap_count() of them; n <= INT32_MAX. */
void er_bitmap_rows(const uint8_t *set, size_t n, int32_t *rows);

/* Put each row in (bits[i] != 0) or out of the set, in order; bits may be NULL for all in.
 * ER_BAD_ROW, before anything is written, unless 0 <= row < n for each. */
er_status er_bitmap_put(uint8_t *set, size_t n, const int32_t *rows, const uint8_t *bits, size_t m);

#endif
