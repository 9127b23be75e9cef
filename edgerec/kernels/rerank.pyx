"""Scores of chosen rows; contracts in src_c/rerank/rerank.h and src_c/rerank/inner_i8.h."""

cimport numpy as cnp
from libc.stdint cimport int8_t, int32_t, uint16_t

from edgerec.kernels.arrays cimport empty_vector, has_dtype, matrix, vector
from edgerec.kernels.dispatch cimport (
    ER_BAD_CODE, ER_BAD_ROW, ER_BAD_SCALE, ER_NOT_FINITE, ER_OK, er_kernel, er_status,
    er_status_text, find)
from edgerec.kernels.scan cimport ER_SCAN_MAX_DIM, er_query_i8, er_rows_i8

from edgerec.errors import LimitExceeded, ValueRangeError

__all__ = ["cosines", "inner_products", "int8_products", "squared_distances"]

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
    return scored(b"inner_f16" if has_dtype(vectors, cnp.NPY_FLOAT16) else b"inner_f32",
                  query, vectors, rows, isa)


def cosines(query, vectors, rows, *, str isa=None):
    """Cosines between the query and the vectors of some rows.

    Parameters
    ----------
    query : (dim,) float32
    vectors : (n, dim) float32 or float16, C-contiguous
    rows : (m,) int32 in [0, n), any order, repeats allowed
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    cosines : (m,) float32
        In [-1, 1] up to rounding; 0 for a vector of zeros, or one so short that its squares vanish
        in float32 (below about 1e-22).  Summed in a fixed order over 16 lanes, so every ISA gives
        the same bits.

    Raises
    ------
    ShapeError, UnknownKernel
        As `inner_products`.
    ValueRangeError
        A row lies outside the table, or query or vector is not finite or so long that its squares
        overflow in float32 (beyond about 1e19).
    """
    return scored(b"cosine_f16" if has_dtype(vectors, cnp.NPY_FLOAT16) else b"cosine_f32",
                  query, vectors, rows, isa)


def squared_distances(query, vectors, rows, *, str isa=None):
    """Squared Euclidean distances between the query and the vectors of some rows.

    Parameters
    ----------
    query : (dim,) float32
    vectors : (n, dim) float32 or float16, C-contiguous
    rows : (m,) int32 in [0, n), any order, repeats allowed
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    distances : (m,) float32 >= 0
        Summed in a fixed order over 16 lanes, so every ISA gives the same bits.

    Raises
    ------
    ShapeError, ValueRangeError, UnknownKernel
        As `inner_products`.
    """
    return scored(b"l2_f16" if has_dtype(vectors, cnp.NPY_FLOAT16) else b"l2_f32",
                  query, vectors, rows, isa)


cdef cnp.ndarray scored(const char *family, object query, object vectors, object rows, str isa):
    """Scores of rows by one of the families over floats."""
    cdef bint half = has_dtype(vectors, cnp.NPY_FLOAT16)
    cdef const void *table = matrix(
        vectors, cnp.NPY_FLOAT16 if half else cnp.NPY_FLOAT32, "vectors")
    cdef size_t n = cnp.PyArray_DIM(<cnp.ndarray>vectors, 0)
    cdef size_t dim = cnp.PyArray_DIM(<cnp.ndarray>vectors, 1)
    cdef const float *wanted = <const float *>vector(query, cnp.NPY_FLOAT32, "query", dim)
    cdef const int32_t *picked = <const int32_t *>vector(rows, cnp.NPY_INT32, "rows", -1)
    cdef size_t m = cnp.PyArray_DIM(<cnp.ndarray>rows, 0), at = 0
    cdef const er_kernel *kernel = find(family, isa)
    cdef cnp.ndarray scores = empty_vector(m, cnp.NPY_FLOAT32)
    cdef float *out = <float *>cnp.PyArray_DATA(scores)
    cdef er_status status
    with nogil:
        if half:
            status = er_rerank_f16(
                kernel, wanted, <const uint16_t *>table, n, dim, picked, m, out, &at)
        else:
            status = er_rerank_f32(
                kernel, wanted, <const float *>table, n, dim, picked, m, out, &at)
    if status == ER_BAD_ROW:
        raise outside(rows, at, n)
    if status != ER_OK:
        raise ValueRangeError(f"the score of row {rows[at]} is {scores[at]}: query and "
                              "vectors must be finite, and small enough not to overflow")
    return scores


def int8_products(query, float query_scale, codes, scales, rows, *, offsets=None, str isa=None):
    """Scores of some rows of an int8 table, as `scan_int8` gives them, bit for bit.

    Parameters
    ----------
    query : (dim,) int8 in [-127, 127], dim at most 131,071
    query_scale : finite, > 0
    codes : (n, dim) int8 in [-127, 127], C-contiguous (not checked: writers guarantee the range)
    scales : (n,) float32 > 0
    rows : (m,) int32 in [0, n), any order, repeats allowed
    offsets : (n,) float32 to be added to the scores, or None
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    scores : (m,) float32
        float32(dot) * row scale * query scale [+ row offset], in that order.  Every ISA gives the
        same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        A row lies outside the table, -128 in the query, a query scale that is not finite and
        positive, or a score that is NaN.
    LimitExceeded
        dim above 131,071.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef er_query_i8 wanted
    cdef er_rows_i8 table
    table.codes = <const int8_t *>matrix(codes, cnp.NPY_INT8, "codes")
    table.n = cnp.PyArray_DIM(<cnp.ndarray>codes, 0)
    table.dim = cnp.PyArray_DIM(<cnp.ndarray>codes, 1)
    table.scales = <const float *>vector(scales, cnp.NPY_FLOAT32, "scales", table.n)
    table.offsets = NULL
    if offsets is not None:
        table.offsets = <const float *>vector(offsets, cnp.NPY_FLOAT32, "offsets", table.n)
    wanted.codes = <const int8_t *>vector(query, cnp.NPY_INT8, "query", table.dim)
    wanted.scale = query_scale
    cdef const int32_t *picked = <const int32_t *>vector(rows, cnp.NPY_INT32, "rows", -1)
    cdef size_t m = cnp.PyArray_DIM(<cnp.ndarray>rows, 0), at = 0
    cdef const er_kernel *kernel = find(b"inner_i8", isa)
    cdef cnp.ndarray scores = empty_vector(m, cnp.NPY_FLOAT32)
    cdef float *out = <float *>cnp.PyArray_DATA(scores)
    cdef er_status status
    with nogil:
        status = er_inner_i8(kernel, &wanted, &table, picked, m, out, &at)
    if status == ER_BAD_ROW:
        raise outside(rows, at, table.n)
    if status == ER_BAD_CODE:
        raise ValueRangeError("query must lie in [-127, 127], got -128; quantize_rows never "
                              "writes it")
    if status == ER_BAD_SCALE:
        raise ValueRangeError(f"query_scale must be finite and positive, got {query_scale}")
    if status == ER_NOT_FINITE:
        raise ValueRangeError(f"the score of row {rows[at]} is NaN: scales and offsets must be "
                              "finite")
    if status != ER_OK:
        raise LimitExceeded(f"dim must be at most {ER_SCAN_MAX_DIM}, got {table.dim}: "
                            f"{er_status_text(status).decode()}")
    return scores


cdef object outside(object rows, size_t at, size_t n):
    """The exception for a row number outside the table."""
    return ValueRangeError(f"rows[{at}] must lie in [0, {n}), got {rows[at]}")
