"""Exact scores of chosen rows; contract in src_c/rerank/rerank.h."""

cimport numpy as cnp
from libc.stdint cimport int32_t, uint16_t

from edgerec.kernels.arrays cimport empty_vector, has_dtype, matrix, vector
from edgerec.kernels.dispatch cimport ER_BAD_ROW, ER_OK, er_kernel, er_status, find

from edgerec.errors import ValueRangeError

__all__ = ["inner_products"]

cnp.import_array()


def inner_products(query, vectors, rows, *, str isa=None):
    """Inner products of the query with the vectors of some rows.

    Parameters
    ----------
    query : (dim,) float32
    vectors : (n, dim) float32 or float16, C-contiguous
    rows : (m,) int32 in [0, n), any order, repeats allowed
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    products : (m,) float32
        Summed in a fixed order over 16 lanes, so every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        A row lies outside the table, or a product is NaN or infinite.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef bint half = has_dtype(vectors, cnp.NPY_FLOAT16)
    cdef const void *table = matrix(
        vectors, cnp.NPY_FLOAT16 if half else cnp.NPY_FLOAT32, "vectors")
    cdef size_t n = cnp.PyArray_DIM(<cnp.ndarray>vectors, 0)
    cdef size_t dim = cnp.PyArray_DIM(<cnp.ndarray>vectors, 1)
    cdef const float *wanted = <const float *>vector(query, cnp.NPY_FLOAT32, "query", dim)
    cdef const int32_t *picked = <const int32_t *>vector(rows, cnp.NPY_INT32, "rows", -1)
    cdef size_t m = cnp.PyArray_DIM(<cnp.ndarray>rows, 0), at = 0
    cdef const er_kernel *kernel = find(b"inner_f16" if half else b"inner_f32", isa)
    cdef cnp.ndarray products = empty_vector(m, cnp.NPY_FLOAT32)
    cdef float *out = <float *>cnp.PyArray_DATA(products)
    cdef er_status status
    with nogil:
        if half:
            status = er_inner_f16(
                kernel, wanted, <const uint16_t *>table, n, dim, picked, m, out, &at)
        else:
            status = er_inner_f32(
                kernel, wanted, <const float *>table, n, dim, picked, m, out, &at)
    if status == ER_BAD_ROW:
        raise ValueRangeError(f"rows[{at}] must lie in [0, {n}), got {rows[at]}")
    if status != ER_OK:
        raise ValueRangeError(f"the product with row {rows[at]} is {products[at]}: query and "
                              "vectors must be finite, and small enough not to overflow")
    return products
