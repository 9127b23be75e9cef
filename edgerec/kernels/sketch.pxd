"""src_c/sketch/sketch.h and scan_b1.h"""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from edgerec.kernels.arrays cimport er_range
from edgerec.kernels.dispatch cimport er_kernel, er_status

cdef extern from "sketch/sketch.h" nogil:
    enum: ER_SKETCH_MAX_WORDS
    enum: ER_SKETCH_MAX_PLANES
    er_status er_sketch_f32(
        const er_kernel *kernel, const float *rotated, size_t n, size_t words, uint64_t *bits,
        float *factors, size_t *at)
    er_status er_sketch_query(
        const float *rotated, size_t words, size_t n_planes, uint64_t *planes, float *step)

cdef extern from "sketch/scan_b1.h" nogil:
    ctypedef struct er_query_b1:
        const uint64_t *planes
        size_t n_planes
        float step
    ctypedef struct er_queries_b1:
        const uint64_t *planes
        const float *steps
        size_t n, n_planes
    ctypedef struct er_rows_b1:
        const uint64_t *bits
        const float *factors
        const float *offsets
        const uint8_t *eligible
        size_t n, words
        int32_t first_row
    ctypedef struct er_scan_b1_kernels:
        const er_kernel *scan
        const er_kernel *reach
    er_status er_scan_b1(
        const er_scan_b1_kernels *kernels, const er_query_b1 *query, const er_rows_b1 *table,
        const er_range *ranges, const float *bases, size_t n_ranges, size_t k, void *scratch,
        int32_t *rows, float *scores, size_t *found)
    size_t er_scan_many_b1_workspace(size_t n_queries, size_t n, size_t k)
    er_status er_scan_many_b1(
        const er_scan_b1_kernels *kernels, const er_queries_b1 *queries, const er_rows_b1 *table,
        const er_range *ranges, size_t n_ranges, size_t k, void *scratch, int32_t *rows,
        float *scores, int32_t *found)

cdef extern from "topk/best.h" nogil:
    size_t er_best_workspace(size_t k)
