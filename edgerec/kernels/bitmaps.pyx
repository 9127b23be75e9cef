"""Sets of rows as bitmaps; contract in src_c/bitmap/bitmap.h.

A bitmap of n rows is a (ceil(n / 8),) uint8 array in little bit order; bits beyond n are ignored.
"""

cimport numpy as cnp
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t
from libc.stdlib cimport free

from edgerec.kernels.arrays cimport bitmap as memory
from edgerec.kernels.arrays cimport (
    empty_vector, er_range, ranges_in, scratch, vector, writable)
from edgerec.kernels.dispatch cimport ER_OK, er_kernel, er_status, find

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError

__all__ = ["AND", "AND_NOT", "COPY", "COPY_NOT", "OR", "OR_NOT", "POPPED", "combine", "count",
           "count_ranges", "put", "rows_of"]

cnp.import_array()

COPY, COPY_NOT = ER_JOIN_COPY, ER_JOIN_COPY_NOT
AND, AND_NOT, OR, OR_NOT = ER_JOIN_AND, ER_JOIN_AND_NOT, ER_JOIN_OR, ER_JOIN_OR_NOT
POPPED = ER_POPPED


cdef size_t row_count(Py_ssize_t rows) except? 0:
    if not 0 <= rows <= INT32_MAX:
        raise LimitExceeded(f"rows must lie in [0, {INT32_MAX}], got {rows}")
    return rows


cdef const uint8_t *bits_of(object array, Py_ssize_t rows) except? NULL:
    if array is None:
        raise ShapeError("a bitmap is needed, got None")
    return memory(array, rows)


def combine(inputs, steps, Py_ssize_t rows, *, str isa=None):
    """Run a program over a stack of bitmaps, all in one pass, and count the rows of the result.

    Parameters
    ----------
    inputs : sequence of (ceil(rows / 8),) uint8 bitmaps
    steps : sequence of (join, input)
        `input` is a place in `inputs`, or POPPED for the top of the stack, which is taken off
        first.  COPY and COPY_NOT push it; AND, AND_NOT, OR and OR_NOT change the top by it.  One
        bitmap must be left.
    rows : in [0, 2**31 - 1]
    isa : implementation to use, exactly; the best runnable ones if None

    Returns
    -------
    bitmap : (ceil(rows / 8),) uint8, zero beyond `rows`
    count : number of its rows

    Raises
    ------
    ShapeError
        A bitmap has another dtype, length or layout.
    ValueRangeError
        The steps ask for what is not there, need a stack of more than 32, or leave none or two.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef size_t n = row_count(rows), n_inputs = len(inputs), n_steps = len(steps), i, found = 0
    cdef const er_kernel *join = find(b"join_b1", isa)
    cdef const er_kernel *counting = find(b"count_b1", isa)
    cdef cnp.ndarray out = empty_vector((rows + 7) // 8, cnp.NPY_UINT8)
    cdef uint8_t *target = <uint8_t *>cnp.PyArray_DATA(out)
    cdef size_t head = n_inputs * sizeof(uint8_t *), body = n_steps * sizeof(er_bitmap_step)
    cdef uint8_t *work = <uint8_t *>scratch(head + body + er_bitmap_workspace())
    cdef const uint8_t **sets = <const uint8_t **>work
    cdef er_bitmap_step *program = <er_bitmap_step *>(work + head)
    cdef er_status status
    try:
        for i in range(n_inputs):
            sets[i] = bits_of(inputs[i], rows)
        for i in range(n_steps):
            program[i].join, program[i].input = <er_join><int>steps[i][0], steps[i][1]
        with nogil:
            status = er_bitmap_combine(join, counting, sets, n_inputs, program, n_steps, n, target,
                                       work + head + body, &found)
    finally:
        free(work)
    if status != ER_OK:
        raise ValueRangeError(f"these steps do not run through on {n_inputs} bitmaps: {steps}")
    return out, found


def count(bitmap, Py_ssize_t rows, *, str isa=None):
    """Number of rows in a bitmap of `rows` rows."""
    cdef size_t n = row_count(rows), found
    cdef const uint8_t *bits = bits_of(bitmap, rows)
    cdef const er_kernel *kernel = find(b"count_b1", isa)
    with nogil:
        found = er_bitmap_count(kernel, bits, 0, n)
    return found


def count_ranges(bitmap, Py_ssize_t rows, ranges, *, str isa=None):
    """Number of rows in each of `ranges`, (r, 2) int64 [start, stop) inside the bitmap: (r,) int64.

    Ranges may overlap.

    Raises
    ------
    ShapeError
        An array has another dtype, shape or layout.
    ValueRangeError
        Not 0 <= start <= stop <= rows for one of them.
    """
    cdef size_t n = row_count(rows)
    cdef const uint8_t *bits = bits_of(bitmap, rows)
    cdef er_range whole
    cdef size_t n_ranges = 0
    cdef const er_range *wanted = ranges_in(ranges, &whole, rows, &n_ranges)
    cdef const er_kernel *kernel = find(b"count_b1", isa)
    cdef cnp.ndarray counts = empty_vector(n_ranges, cnp.NPY_INT64)
    cdef int64_t *target = <int64_t *>cnp.PyArray_DATA(counts)
    cdef er_status status
    with nogil:
        status = er_bitmap_count_ranges(kernel, bits, n, wanted, n_ranges, target)
    if status != ER_OK:
        raise ValueRangeError(f"ranges must have 0 <= start <= stop <= {rows}")
    return counts


def put(bitmap, Py_ssize_t rows, places, bits=None):
    """Set the bits at `places`, (m,) int32, to `bits`, (m,) bool, in order; all to 1 without it.

    Raises ShapeError for another dtype, length or layout, or a bitmap that is read-only, and
    ValueRangeError, having changed nothing, for a place outside [0, rows).
    """
    cdef size_t n = row_count(rows)
    bits_of(bitmap, rows)
    cdef uint8_t *target = <uint8_t *>writable(bitmap, "bitmap")
    cdef const int32_t *where = <const int32_t *>vector(places, cnp.NPY_INT32, "places", -1)
    cdef size_t m = cnp.PyArray_DIM(<cnp.ndarray>places, 0)
    cdef const uint8_t *values = NULL
    if bits is not None:
        values = <const uint8_t *>vector(bits, cnp.NPY_BOOL, "bits", m)
    cdef er_status status
    with nogil:
        status = er_bitmap_put(target, n, where, values, m)
    if status != ER_OK:
        raise ValueRangeError(f"places must lie in [0, {rows})")


def rows_of(bitmap, Py_ssize_t rows, *, str isa=None):
    """The rows of a bitmap, ascending: (m,) int32."""
    cdef size_t n = row_count(rows)
    cdef const uint8_t *bits = bits_of(bitmap, rows)
    cdef const er_kernel *kernel = find(b"count_b1", isa)
    cdef cnp.ndarray out = empty_vector(er_bitmap_count(kernel, bits, 0, n), cnp.NPY_INT32)
    cdef int32_t *target = <int32_t *>cnp.PyArray_DATA(out)
    with nogil:
        er_bitmap_rows(bits, n, target)
    return out
