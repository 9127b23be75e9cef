"""src_c/rerank/rerank.h and src_c/rerank/inner_i8.h"""

from libc.stdint cimport int32_t, uint16_t

from edgerec.kernels.dispatch cimport er_kernel, er_status
from edgerec.kernels.scan cimport er_query_i8, er_rows_i8

cdef extern from "rerank/rerank.h" nogil:
    er_status er_rerank_f32(
        const er_kernel *kernel, const float *query, const float *vectors, size_t n, size_t dim,
        const int32_t *rows, size_t m, float *out, size_t *at)
    er_status er_rerank_f16(
        const er_kernel *kernel, const float *query, const uint16_t *vectors, size_t n, size_t dim,
        const int32_t *rows, size_t m, float *out, size_t *at)

cdef extern from "rerank/inner_i8.h" nogil:
    er_status er_inner_i8(
        const er_kernel *kernel, const er_query_i8 *query, const er_rows_i8 *table,
        const int32_t *rows, size_t m, float *out, size_t *at)
