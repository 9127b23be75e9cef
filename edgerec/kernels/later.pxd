"""src_c/lists/later.h, and the rows of it."""

from libc.stdint cimport int32_t, int64_t

from edgerec.kernels.scan cimport er_rows_i8

cdef extern from "lists/segment.h" nogil:
    ctypedef enum er_metric:
        ER_INNER
        ER_COSINE
        ER_L2
    ctypedef struct er_segment:
        er_rows_i8 codes
        const void *vectors
        bint half

cdef extern from "lists/later.h" nogil:
    enum: ER_LATER_SEGMENTS
    ctypedef struct er_later:
        er_segment segments[ER_LATER_SEGMENTS]
        size_t n_segments
        const int32_t *order
        const int64_t *offsets
        size_t n_order, n_lists
        size_t placed
    bint er_later_fit(const er_later *later, size_t first, size_t dim, bint vectors, bint half)
    size_t er_later_stop(const er_later *later)


cdef class LaterRows:
    cdef er_later rows
    cdef object arrays  # keeps the memory alive

cdef er_rows_i8 table(object codes, object scales, object offsets, str name) except *
