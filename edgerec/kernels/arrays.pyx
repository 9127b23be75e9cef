"""What every door does with NumPy arrays before it hands their memory to C.

A wrong dtype, rank, length or layout raises ShapeError with what was wanted and what came.  Typed
memoryviews would refuse the same arrays, but with an untyped ValueError, and cost several times as
much a call.  Nothing is copied: read-only and memory-mapped arrays pass.
"""

import operator

cimport numpy as cnp
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t
from libc.stdlib cimport malloc

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError

cnp.import_array()

cdef extern from "topk/topk.h":
    enum: ER_TOPK_MAX


cdef bint has_dtype(object array, int dtype) noexcept:
    """Whether this is an array of that NumPy type number."""
    return cnp.PyArray_Check(array) and cnp.PyArray_TYPE(<cnp.ndarray>array) == dtype


cdef bint fits(object array, int dtype, int ndim) noexcept:
    return (has_dtype(array, dtype)
            and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array))


cdef object misfit(object array, int dtype, str name, str shape):
    """The exception for an array that does not fit."""
    wanted = f"{name} must be a C-contiguous, aligned {cnp.PyArray_DescrFromType(dtype)} array " \
             f"of shape {shape}"
    if not cnp.PyArray_Check(array):
        return ShapeError(f"{wanted}, got a {type(array).__name__}")
    layout = "" if cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array) else " in another layout"
    return ShapeError(f"{wanted}, got {array.dtype} of shape {array.shape}{layout}")


cdef void *vector(object array, int dtype, str name, Py_ssize_t length) except NULL:
    """Memory of a vector; any length if `length` is negative."""
    if fits(array, dtype, 1) and (length < 0 or cnp.PyArray_DIM(<cnp.ndarray>array, 0) == length):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    raise misfit(array, dtype, name, "(n,)" if length < 0 else f"({length},)")


cdef void *matrix(object array, int dtype, str name) except NULL:
    """Memory of a row-major matrix."""
    if fits(array, dtype, 2):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    raise misfit(array, dtype, name, "(n, dim)")


cdef void *cube(object array, int dtype, str name) except NULL:
    """Memory of a row-major array of three dimensions."""
    if fits(array, dtype, 3):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    raise misfit(array, dtype, name, "(m, n, dim)")


cdef void *writable(object array, str name) except NULL:
    """Memory of an array that fits, for writing."""
    if cnp.PyArray_ISWRITEABLE(<cnp.ndarray>array):
        return cnp.PyArray_DATA(<cnp.ndarray>array)
    raise ShapeError(f"{name} must be writeable, got a read-only array")


cdef const uint8_t *bitmap(object eligible, Py_ssize_t n) except? NULL:
    """Memory of a bitmap over n rows, little bit order; NULL (all rows) for None."""
    if eligible is None:
        return NULL
    return <const uint8_t *>vector(eligible, cnp.NPY_UINT8, "eligible", (n + 7) // 8)


cdef const er_range *ranges_in(object ranges, er_range *whole, Py_ssize_t n,
                               size_t *count) except NULL:
    """Memory of (r, 2) int64 ranges and how many; for None the `whole` of n rows, filled in."""
    if ranges is None:
        whole[0] = er_range(0, n)
        count[0] = 1
        return whole
    if not fits(ranges, cnp.NPY_INT64, 2) or cnp.PyArray_DIM(<cnp.ndarray>ranges, 1) != 2:
        raise misfit(ranges, cnp.NPY_INT64, "ranges", "(r, 2)")
    count[0] = cnp.PyArray_DIM(<cnp.ndarray>ranges, 0)
    return <const er_range *>cnp.PyArray_DATA(<cnp.ndarray>ranges)


cdef const er_lookups *lookups_in(object lookups, er_lookups *memory, size_t n_ranges) except? NULL:
    """The lookups of so many ranges, filled in; NULL for None."""
    if lookups is None:
        return NULL
    if not isinstance(lookups, tuple) or len(lookups) != 2:
        raise ShapeError(f"lookups must be a pair of arrays (starts, numbers), got {lookups!r:.80}")
    starts, numbers = lookups
    memory.offsets = <const int64_t *>vector(starts, cnp.NPY_INT64, "lookups' starts", n_ranges + 1)
    memory.queries = <const int32_t *>vector(numbers, cnp.NPY_INT32, "lookups' numbers", -1)
    if memory.offsets[n_ranges] != cnp.PyArray_DIM(<cnp.ndarray>numbers, 0):
        raise ShapeError(f"lookups' starts must end at the {len(numbers)} numbers, got "
                         f"{memory.offsets[n_ranges]}")
    return memory


cdef object integer(object value, str name):
    """A Python integer of any size."""
    try:
        return operator.index(value)
    except TypeError as error:
        raise ValueRangeError(f"{name} must be an integer, got {value!r}") from error


cdef Py_ssize_t top_count(object k) except -1:
    """k as an integer of [1, ER_TOPK_MAX]."""
    count = integer(k, "k")
    if count < 1:
        raise ValueRangeError(f"k must be at least 1, got {count}")
    if count > ER_TOPK_MAX:
        raise LimitExceeded(f"k must be at most {ER_TOPK_MAX}, got {count}")
    return count


cdef int32_t first_number(object first_row, Py_ssize_t n) except -1:
    """The number of the first of n rows, all of whose numbers fit into int32."""
    number = integer(first_row, "first_row")
    if number < 0:
        raise ValueRangeError(f"first_row must be at least 0, got {number}")
    if number + n > INT32_MAX:
        raise LimitExceeded(
            f"row numbers must stay below {INT32_MAX}, got {n} rows from {number}")
    return number


cdef cnp.ndarray empty_vector(cnp.npy_intp length, int dtype):
    """A new vector, not initialised."""
    return cnp.PyArray_SimpleNew(1, &length, dtype)


cdef cnp.ndarray first(cnp.ndarray array, Py_ssize_t count):
    """The first `count` elements; the array itself if that is all of them."""
    return array if cnp.PyArray_DIM(array, 0) == count else array[:count]


cdef void *scratch(size_t n_bytes) except NULL:
    """Memory for a kernel to work in; the caller frees it."""
    cdef void *memory = malloc(n_bytes)
    if memory == NULL:
        raise MemoryError(f"no {n_bytes} bytes of scratch memory")
    return memory
