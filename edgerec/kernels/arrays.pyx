"""Checks that every door makes before it hands an array's memory to C.

A wrong dtype, rank, length or layout raises ShapeError with what was wanted and what came.  Typed
memoryviews would refuse the same arrays, but with an untyped ValueError and at 0.4 us an argument.
Nothing is copied: read-only and memory-mapped arrays pass.
"""

import operator

cimport numpy as cnp
from libc.stdint cimport uint8_t

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError

cnp.import_array()

cdef enum:
    TOP_LIMIT = 10_000


cdef object describe(object array):
    if not cnp.PyArray_Check(array):
        return f"a {type(array).__name__}"
    layout = "" if cnp.PyArray_ISCARRAY_RO(array) else ", not C-contiguous and aligned"
    return f"{array.dtype} of shape {array.shape}{layout}"


cdef int fits(object array, int dtype, int ndim) noexcept:
    return (cnp.PyArray_Check(array)
            and cnp.PyArray_TYPE(<cnp.ndarray>array) == dtype
            and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array))


cdef void *vector(object array, int dtype, str name, Py_ssize_t length) except NULL:
    """Memory of a C-contiguous vector; any length if `length` is negative."""
    if fits(array, dtype, 1) and (length < 0 or cnp.PyArray_DIM(<cnp.ndarray>array, 0) == length):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    count = "n" if length < 0 else str(length)
    raise ShapeError(f"{name} must be a C-contiguous {cnp.PyArray_DescrFromType(dtype)} "
                     f"array of shape ({count},), got {describe(array)}")


cdef void *matrix(object array, int dtype, str name) except NULL:
    """Memory of a C-contiguous matrix."""
    if fits(array, dtype, 2):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    raise ShapeError(f"{name} must be a C-contiguous {cnp.PyArray_DescrFromType(dtype)} "
                     f"array of shape (n, dim), got {describe(array)}")


cdef void *writable(object array) except NULL:
    """Memory of an array that a door writes; the caller has checked everything else."""
    if cnp.PyArray_ISWRITEABLE(<cnp.ndarray>array):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    raise ShapeError("an output array must be writeable")


cdef const uint8_t *bitmap(object eligible, Py_ssize_t n) except? NULL:
    """Memory of a bitmap over n rows, little bit order; NULL (all rows) for None."""
    if eligible is None:
        return NULL
    return <const uint8_t *>vector(eligible, cnp.NPY_UINT8, "eligible", (n + 7) // 8)


cdef Py_ssize_t top_count(object k) except -1:
    """k as an integer of [1, 10000]."""
    try:
        count = operator.index(k)
    except TypeError as error:
        raise ValueRangeError(f"k must be an integer, got {k!r}") from error
    if count < 1:
        raise ValueRangeError(f"k must be at least 1, got {count}")
    if count > TOP_LIMIT:
        raise LimitExceeded(f"k must be at most {TOP_LIMIT}, got {count}")
    return count
