"""Typed checks that hand a NumPy array's memory to C; see arrays.pyx."""

from libc.stdint cimport uint8_t

cdef void *vector(object array, int dtype, str name, Py_ssize_t length) except NULL
cdef void *matrix(object array, int dtype, str name) except NULL
cdef void *writable(object array) except NULL
cdef const uint8_t *bitmap(object eligible, Py_ssize_t n) except? NULL
cdef Py_ssize_t top_count(object k) except -1
