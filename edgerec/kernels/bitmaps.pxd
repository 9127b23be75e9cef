"""src_c/bitmap/bitmap.h"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from edgerec.kernels.arrays cimport er_range
from edgerec.kernels.dispatch cimport er_kernel, er_status

cdef extern from "bitmap/bitmap.h" nogil:
    ctypedef enum er_join:
        ER_JOIN_COPY
        ER_JOIN_COPY_NOT
        ER_JOIN_AND
        ER_JOIN_AND_NOT
        ER_JOIN_OR
        ER_JOIN_OR_NOT
    enum: ER_POPPED
    ctypedef struct er_bitmap_step:
        er_join join
        int32_t input
    size_t er_bitmap_workspace()
    er_status er_bitmap_combine(
        const er_kernel *join, const er_kernel *count, const uint8_t **inputs, size_t n_inputs,
        const er_bitmap_step *steps, size_t n_steps, size_t n, uint8_t *out, uint8_t *scratch,
        size_t *found)
    size_t er_bitmap_count(const er_kernel *count, const uint8_t *bits, size_t start, size_t stop)
    er_status er_bitmap_count_ranges(
        const er_kernel *count, const uint8_t *bits, size_t n, const er_range *ranges,
        size_t n_ranges, int64_t *counts)
    void er_bitmap_rows(const uint8_t *bits, size_t n, int32_t *rows)
    er_status er_bitmap_put(
        uint8_t *bits, size_t n, const int32_t *rows, const uint8_t *values, size_t m)
