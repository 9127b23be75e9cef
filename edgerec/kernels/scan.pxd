"""src_c/scan/scan.h"""

from libc.stdint cimport int8_t, int32_t, uint8_t

from edgerec.kernels.arrays cimport er_lookups, er_range
from edgerec.kernels.dispatch cimport er_kernel, er_status
from edgerec.kernels.topk cimport er_key

cdef extern from "scan/scan.h" nogil:
    enum: ER_SCAN_MAX_DIM
    ctypedef struct er_query_i8:
        const int8_t *codes
        float scale
    ctypedef struct er_rows_i8:
        const int8_t *codes
        const float *scales
        const float *offsets
        const uint8_t *eligible
        size_t n, dim
        int32_t first_row
    er_status er_scan_i8(
        const er_kernel *kernel, const er_query_i8 *query, const er_rows_i8 *table,
        const er_range *ranges, size_t n_ranges, size_t k, er_key *keys, int32_t *rows,
        float *scores, size_t *found)

cdef extern from "scan/scan_many.h" nogil:
    ctypedef struct er_queries_i8:
        const int8_t *codes
        const float *scales
        size_t n
    size_t er_scan_many_i8_workspace(
        size_t n_queries, const er_lookups *lookups, size_t dim, size_t k)
    er_status er_scan_many_i8(
        const er_kernel *kernel, const er_queries_i8 *queries, const er_rows_i8 *table,
        const er_range *ranges, size_t n_ranges, const er_lookups *lookups, size_t k,
        void *workspace, int32_t *rows, float *scores, int32_t *found)
