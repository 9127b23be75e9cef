"""src_c/quantize/quantize.h"""

from libc.stdint cimport int8_t

from edgerec.kernels.dispatch cimport er_kernel, er_status

cdef extern from "quantize/quantize.h" nogil:
    er_status er_quantize_f32(
        const er_kernel *kernel, const float *x, size_t n, size_t dim, int8_t *codes,
        float *scales, size_t *done)
    er_status er_quantize_columns_f32(
        const er_kernel *kernel, const float *x, size_t n, size_t dim, int8_t *codes,
        float *scales, size_t *done)
