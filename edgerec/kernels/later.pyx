"""Rows that came after the lists of a search were made; contract in src_c/lists/later.h."""

cimport numpy as cnp
from libc.stdint cimport int8_t, int32_t, int64_t

from edgerec.kernels.arrays cimport first_number, has_dtype, integer, matrix, vector
from edgerec.kernels.scan cimport er_rows_i8

from edgerec.errors import ShapeError, ValueRangeError

__all__ = ["LaterRows"]

cnp.import_array()


cdef class LaterRows:
    """Rows that a search in lists finds beside those of its lists; good for any number of threads.

    Parameters
    ----------
    segments : at most two, each (first_row, codes (n, dim) int8, scales (n,) float32, offsets (n,)
        float32 or None, vectors (n, dim) float32 or float16 or None); each goes on where the one
        before it ends
    order : (m,) int32, the rows that were placed into lists, list by list, each once; those beyond
        the segments are passed over
    offsets : (lists + 1,) int64, list i has order[offsets[i]:offsets[i + 1]]; looked at by the
        searches, which refuse a list whose offsets are none
    placed : rows from this one on were not placed, and are looked at by every search

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError, LimitExceeded
        A row number is negative, or beyond int32.
    """

    def __init__(self, segments, order, offsets, placed):
        segments = tuple(map(tuple, segments))
        if len(segments) > ER_LATER_SEGMENTS:
            raise ShapeError(f"there must be at most 2 segments of later rows, got {len(segments)}")
        self.arrays = (segments, order, offsets)
        self.rows.n_segments = len(segments)
        for i, (first_row, codes, scales, bonus, vectors) in enumerate(segments):
            self.rows.segments[i].codes = table(codes, scales, bonus, "later rows")
            self.rows.segments[i].codes.first_row = first_number(first_row, len(codes))
            self.rows.segments[i].half = has_dtype(vectors, cnp.NPY_FLOAT16)
            self.rows.segments[i].vectors = NULL
            if vectors is not None:
                dtype = cnp.NPY_FLOAT16 if self.rows.segments[i].half else cnp.NPY_FLOAT32
                self.rows.segments[i].vectors = matrix(vectors, dtype, "vectors of later rows")
                if vectors.shape != codes.shape:
                    raise ShapeError(f"vectors of later rows must have shape {codes.shape}, got "
                                     f"{vectors.shape}")
        self.rows.order = <const int32_t *>vector(order, cnp.NPY_INT32, "order", -1)
        self.rows.n_order = cnp.PyArray_DIM(<cnp.ndarray>order, 0)
        self.rows.offsets = <const int64_t *>vector(offsets, cnp.NPY_INT64, "offsets", -1)
        if cnp.PyArray_DIM(<cnp.ndarray>offsets, 0) < 1:
            raise ShapeError("offsets must have one more element than there are lists, got none")
        self.rows.n_lists = cnp.PyArray_DIM(<cnp.ndarray>offsets, 0) - 1
        number = integer(placed, "placed")
        if not 0 <= number < 2**31:
            raise ValueRangeError(f"placed must lie in [0, 2**31), got {number}")
        self.rows.placed = number


cdef er_rows_i8 table(object codes, object scales, object offsets, str name) except *:
    """Rows of int8, checked but for their values."""
    cdef er_rows_i8 rows
    rows.codes = <const int8_t *>matrix(codes, cnp.NPY_INT8, f"codes of {name}")
    rows.n = cnp.PyArray_DIM(<cnp.ndarray>codes, 0)
    rows.dim = cnp.PyArray_DIM(<cnp.ndarray>codes, 1)
    rows.scales = <const float *>vector(scales, cnp.NPY_FLOAT32, f"scales of {name}", rows.n)
    rows.offsets = NULL
    if offsets is not None:
        rows.offsets = <const float *>vector(
            offsets, cnp.NPY_FLOAT32, f"offsets of {name}", rows.n)
    rows.eligible = NULL
    rows.first_row = 0
    return rows
