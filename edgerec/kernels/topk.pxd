"""src_c/topk/topk.h"""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from edgerec.kernels.dispatch cimport er_kernel, er_status

cdef extern from "topk/topk.h" nogil:
    ctypedef uint64_t er_key
    size_t er_topk_workspace(size_t k)
    er_status er_topk_f32(
        const er_kernel *kernel, const float *values, size_t n, const uint8_t *eligible, size_t k,
        er_key *keys, int32_t *rows, float *scores, size_t *found)
