"""Rows of external ids; contract in src_c/identifiers/find.h."""

cimport numpy as cnp
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free

from edgerec.kernels.arrays cimport empty_vector, scratch, vector

from edgerec.errors import ShapeError

__all__ = ["find_ids"]

cnp.import_array()

cdef extern from "identifiers/find.h" nogil:
    ctypedef struct er_identifiers:
        const uint32_t *hashes
        const int32_t *order
        const int64_t *offsets
        const uint8_t *data
        size_t n, n_bytes
    ctypedef struct er_bytes:
        const uint8_t *at
        size_t n
    void er_identifiers_find(
        const er_identifiers *identifiers, const er_bytes *wanted, size_t m,
        const uint8_t *visible, int32_t *rows)


def find_ids(list ids not None, hashes, order, offsets, data, *, visible=None):
    """The rows of some ids, without holding other threads up.

    Parameters
    ----------
    ids : list of m str
    hashes : (n,) uint32, CRC-32 of all ids, ascending
    order : (n,) int32, the rows in that order; rows of one hash ascend
    offsets, data : (n + 1,) int64 and bytes, row i is data[offsets[i]:offsets[i + 1]] in UTF-8
    visible : bitmap of at least n rows in little bit order, or None for all

    Returns
    -------
    rows : (m,) int32
        The first visible row of each id; -1 where there is none.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    TypeError
        An id is no str.
    """
    cdef er_identifiers table
    table.hashes = <const uint32_t *>vector(hashes, cnp.NPY_UINT32, "hashes", -1)
    table.n = cnp.PyArray_DIM(<cnp.ndarray>hashes, 0)
    table.order = <const int32_t *>vector(order, cnp.NPY_INT32, "order", table.n)
    table.offsets = <const int64_t *>vector(offsets, cnp.NPY_INT64, "offsets", table.n + 1)
    table.data = <const uint8_t *>vector(data, cnp.NPY_UINT8, "data", -1)
    table.n_bytes = cnp.PyArray_DIM(<cnp.ndarray>data, 0)
    cdef const uint8_t *seen = NULL
    if visible is not None:
        seen = <const uint8_t *>vector(visible, cnp.NPY_UINT8, "visible", -1)
        if 8 * <size_t>cnp.PyArray_DIM(<cnp.ndarray>visible, 0) < table.n:
            raise ShapeError(f"visible must be a bitmap of {table.n} rows, got "
                             f"{visible.size} bytes")
    cdef tuple held = tuple(ids)  # for as long as their bytes are looked at
    cdef Py_ssize_t m = len(held), place, n_bytes
    cdef cnp.ndarray rows = empty_vector(m, cnp.NPY_INT32)
    cdef int32_t *out = <int32_t *>cnp.PyArray_DATA(rows)
    cdef er_bytes *wanted = <er_bytes *>scratch(max(m, 1) * sizeof(er_bytes))
    try:
        for place in range(m):
            wanted[place].at = NULL
            if not isinstance(held[place], str):
                raise TypeError(f"an id must be a str, got {held[place]!r}")
            try:
                wanted[place].at = <const uint8_t *>PyUnicode_AsUTF8AndSize(held[place], &n_bytes)
                wanted[place].n = n_bytes
            except UnicodeEncodeError:
                pass  # a lone surrogate: no id has one
        with nogil:
            er_identifiers_find(&table, wanted, m, seen, out)
    finally:
        free(wanted)
    return rows
