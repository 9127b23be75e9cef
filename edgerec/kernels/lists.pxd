"""src_c/lists/lists.h"""

from libc.stdint cimport int8_t, int32_t, uint8_t

from edgerec.kernels.arrays cimport er_range
from edgerec.kernels.dispatch cimport er_kernel, er_status
from edgerec.kernels.later cimport er_later, er_metric
from edgerec.kernels.scan cimport er_rows_i8
from edgerec.kernels.sketch cimport er_rows_b1

cdef extern from "lists/score_i4.h" nogil:
    ctypedef struct er_rows_i4:
        const uint8_t *codes
        const float *scales
        const float *offsets
        size_t n, dim
    size_t er_row_bytes_i4(size_t dim)

cdef extern from "lists/lists.h" nogil:
    ctypedef struct er_lists:
        er_rows_i8 groups
        er_rows_i4 lists
        const er_range *members
        const er_range *ranges
        const int32_t *sizes
        er_rows_b1 sketches
        er_rows_i8 codes
        const int8_t *signs
        size_t n_rounds
        const void *vectors
        bint half
        er_metric metric
    bint er_lists_fit(const er_lists *lists)
    ctypedef struct er_lists_kernels:
        const er_kernel *quantize
        const er_kernel *rotate
        const er_kernel *scan
        const er_kernel *score
        const er_kernel *sketches
        const er_kernel *reach
        const er_kernel *products
        const er_kernel *weigh
        const er_kernel *count
        const er_kernel *measure
    ctypedef struct er_probing:
        size_t rows
        size_t groups
        double further
        size_t shortlist
        size_t wanted
        size_t k
    size_t er_lists_workspace(const er_lists *lists, const er_probing *probing)
    er_status er_lists_search(
        const er_lists_kernels *kernels, const er_lists *lists, const er_later *later,
        const er_probing *probing, const float *query, const uint8_t *eligible, void *scratch,
        int32_t *rows, float *scores, size_t *found, size_t *proposed, int32_t *numbers,
        size_t *looked)
