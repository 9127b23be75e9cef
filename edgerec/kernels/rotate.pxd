"""src_c/rotate/rotate.h"""

from libc.stdint cimport int8_t

from edgerec.kernels.dispatch cimport er_kernel, er_status

cdef extern from "rotate/rotate.h" nogil:
    enum: ER_ROTATE_MAX_BITS
    er_status er_rotate_f32(
        const er_kernel *kernel, const float *x, size_t n, size_t dim, size_t bits,
        const int8_t *signs, size_t n_rounds, float *out)
