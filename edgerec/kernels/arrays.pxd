"""What every door does with NumPy arrays; see arrays.pyx."""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from "ranges.h" nogil:
    ctypedef struct er_range:
        int64_t start, stop
    ctypedef struct er_lookups:
        const int64_t *offsets
        const int32_t *queries

cdef bint has_dtype(object array, int dtype) noexcept
cdef void *vector(object array, int dtype, str name, Py_ssize_t length) except NULL
cdef void *matrix(object array, int dtype, str name) except NULL
cdef void *cube(object array, int dtype, str name) except NULL
cdef void *writable(object array, str name) except NULL
cdef const uint8_t *bitmap(object eligible, Py_ssize_t n) except? NULL
cdef const er_range *ranges_in(
    object ranges, er_range *whole, Py_ssize_t n, size_t *count) except NULL
cdef const er_lookups *lookups_in(
    object lookups, er_lookups *memory, size_t n_ranges) except? NULL
cdef object integer(object value, str name)
cdef Py_ssize_t top_count(object k) except -1
cdef int32_t first_number(object first_row, Py_ssize_t n) except -1
cdef cnp.ndarray empty_vector(cnp.npy_intp length, int dtype)
cdef cnp.ndarray first(cnp.ndarray array, Py_ssize_t count)
cdef void *scratch(size_t n_bytes) except NULL
