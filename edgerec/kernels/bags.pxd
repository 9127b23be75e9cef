"""src_c/bags/bags.h"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from edgerec.kernels.dispatch cimport er_kernel, er_status

cdef extern from "bags/bags.h" nogil:
    ctypedef struct er_bag_table:
        const uint8_t *rows
        size_t n, stride, dim
    ctypedef struct er_bags:
        const int64_t *offsets
        size_t n
        const int32_t *ids32
        const int64_t *ids64
        const float *weights
        bint mean
    size_t er_bag_row_bytes(size_t dim, int bits)
    er_status er_bag_sums(
        const er_kernel *kernel, const er_bag_table *table, const er_bags *bags, int bits,
        size_t n_ids, float *out, size_t *at)
    er_status er_bag_pack(
        const er_kernel *quantize, const float *x, size_t n, size_t dim, int bits, uint8_t *rows,
        size_t stride, size_t *done)
