/* Consecutive rows of a catalogue: the base, or what came later. Their codes order them roughly,
 * their vectors tell.
 */
#ifndef ER_SEGMENT_H
#define ER_SEGMENT_H

#include <stdbool.h>

#include "../scan/scan.h"

typedef enum er_metric { ER_INNER, ER_COSINE, ER_L2 } er_metric;

typedef struct er_segment {
    er_rows_i8 codes;    /* first_row: the number of the first; its `eligible` is not looked at */
    const void *vectors; /* codes.n * dim float32, or float16 where `half`; NULL: what codes say */
    bool half;
} er_segment;

/* Score m rows by the vectors that are kept of them.
 *   kernel   of the family of the metric and of the vectors' dtype
 *   query    codes.dim float32
 *   rows     m row numbers in [0, codes.n), any order
 *   decoded  codes.dim float32 of scratch, looked at only where no vectors are kept
 *   scores   m: inner products, cosines, or squared distances negated
 * ER_BAD_ROW, ER_NOT_FINITE for a score that is not finite. */
er_status er_segment_measure(const er_kernel *kernel, er_metric metric, const float *query,
                             const er_segment *segment, const int32_t *rows, size_t m,
                             float *decoded, float *scores);

#endif
