"""Embedding bags over int8 and int4 tables; contract in src_c/bags/bags.h."""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

from edgerec.kernels.arrays cimport has_dtype, integer, matrix, vector, writable
from edgerec.kernels.dispatch cimport (
    ER_BAD_OFFSET, ER_BAD_ROW, ER_OK, er_kernel, er_status, find)

from edgerec.errors import ShapeError, ValueRangeError

__all__ = ["embedding_bags", "pack_rows"]

cnp.import_array()


def pack_rows(x, *, int bits=8, out=None):
    """Quantise each row to codes of `bits` bits with its scale in front of them.

    Parameters
    ----------
    x : (n, dim) float32, finite, C-contiguous
    bits : 8 (codes in [-127, 127]) or 4 (codes in [-7, 7], two a byte, the low nibble first)
    out : (n, stride) uint8 to write into instead of a new table; must not overlap `x`; columns
        beyond a row's bytes become 0

    Returns
    -------
    table : (n, stride) uint8
        Of each row a float32 scale > 0, then the codes: stride = 4 + dim or 4 + ceil(dim / 2)
        bytes.  ``|codes * scale - x| <= scale / 2`` up to one ulp; a row of zeros gets scale 1;
        rounding is half to even.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        NaN or infinity in `x` (rows before the offending one have been written), or `bits` is
        neither 4 nor 8.
    """
    cdef const float *source = <const float *>matrix(x, cnp.NPY_FLOAT32, "x")
    cdef size_t n = x.shape[0], dim = x.shape[1], done = 0
    cdef size_t used = row_bytes(dim, bits)
    if out is None:
        out = np.empty((n, used), np.uint8)
    matrix(out, cnp.NPY_UINT8, "out")
    cdef size_t stride = out.shape[1]
    if <size_t>out.shape[0] != n or stride < used:
        raise ShapeError(f"out must have {n} rows of at least {used} bytes, got {out.shape}")
    cdef uint8_t *rows = <uint8_t *>writable(out, "out")
    cdef const er_kernel *kernel = find(b"quantize_f32", None)
    cdef er_status status
    with nogil:
        status = er_bag_pack(kernel, source, n, dim, bits, rows, stride, &done)
    if status != ER_OK:
        raise ValueRangeError(f"x must be finite, but row {done} holds NaN or infinity; "
                              "drop the row or clean the vectors first")
    return out


def embedding_bags(table, dim, offsets, ids, *, int bits=8, weights=None, bint mean=False,
                   out=None, str isa=None):
    """Sums, or means, of the rows that the ids of each bag name.

    Parameters
    ----------
    table : (n, stride) uint8, C-contiguous, rows as `pack_rows` writes them
    dim : columns of a row
    offsets : (b + 1,) int64 in [0, m], never falling; bag i has the ids from ``offsets[i]`` to
        ``offsets[i + 1]``.  A slice of them, with the same ids, gives a slice of the bags
    ids : (m,) int32 or int64; those within the bags lie in [0, n)
    bits : 8 or 4, as the table was packed
    weights : (m,) float32, one an id, or None
    mean : divide by the number of ids of the bag
    out : (b, dim) float32 to write into instead of a new array
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    sums : (b, dim) float32
        (weight * scale) * code, added in the order of the ids, each step rounded to float32; zeros
        for a bag without ids.  Every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        Offsets that fall or leave [0, m], an id outside the table, a sum that is NaN or infinite,
        or `bits` is neither 4 nor 8.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef er_bag_table rows
    rows.rows = <const uint8_t *>matrix(table, cnp.NPY_UINT8, "table")
    rows.n = cnp.PyArray_DIM(<cnp.ndarray>table, 0)
    rows.stride = cnp.PyArray_DIM(<cnp.ndarray>table, 1)
    rows.dim = width(dim, bits, rows.stride)
    cdef er_bags bags
    cdef bint wide = has_dtype(ids, cnp.NPY_INT64)
    cdef void *picked = vector(ids, cnp.NPY_INT64 if wide else cnp.NPY_INT32, "ids", -1)
    cdef size_t m = cnp.PyArray_DIM(<cnp.ndarray>ids, 0), at = 0
    bags.ids32 = NULL
    bags.ids64 = NULL
    if wide:
        bags.ids64 = <const int64_t *>picked
    else:
        bags.ids32 = <const int32_t *>picked
    bags.offsets = <const int64_t *>vector(offsets, cnp.NPY_INT64, "offsets", -1)
    if cnp.PyArray_DIM(<cnp.ndarray>offsets, 0) == 0:
        raise ShapeError("offsets must hold at least one number: one more than there are bags")
    bags.n = cnp.PyArray_DIM(<cnp.ndarray>offsets, 0) - 1
    bags.weights = NULL
    if weights is not None:
        bags.weights = <const float *>vector(weights, cnp.NPY_FLOAT32, "weights", m)
    bags.mean = mean
    if out is None:
        out = np.empty((bags.n, dim), np.float32)
    matrix(out, cnp.NPY_FLOAT32, "out")
    if out.shape != (bags.n, dim):
        raise ShapeError(f"out must have shape {(bags.n, dim)}, got {out.shape}")
    cdef float *sums = <float *>writable(out, "out")
    cdef const er_kernel *kernel = find(b"bag_i8" if bits == 8 else b"bag_i4", isa)
    cdef er_status status
    with nogil:
        status = er_bag_sums(kernel, &rows, &bags, bits, m, sums, &at)
    if status == ER_BAD_OFFSET:
        raise ValueRangeError(f"offsets[{at}] is {offsets[at]}: offsets must not fall, and lie in "
                              f"[0, {m}]")
    if status == ER_BAD_ROW:
        raise ValueRangeError(f"ids[{at}] must lie in [0, {rows.n}), got {ids[at]}")
    if status != ER_OK:
        raise ValueRangeError(f"the sum of bag {at} is NaN or infinite: scales and weights must be "
                              "finite, and small enough not to overflow")
    return out


cdef size_t row_bytes(size_t dim, int bits) except 0:
    """Bytes that a row takes."""
    if bits != 4 and bits != 8:
        raise ValueRangeError(f"bits must be 4 or 8, got {bits}")
    return er_bag_row_bytes(dim, bits)


cdef Py_ssize_t width(object dim, int bits, size_t stride) except -1:
    """dim as a number of columns that fit into the stride."""
    count = integer(dim, "dim")
    if count < 0:
        raise ValueRangeError(f"dim must be at least 0, got {count}")
    # the second test alone would meet numbers beyond size_t
    if count > 2 * stride or row_bytes(count, bits) > stride:
        raise ShapeError(f"a row of {count} codes of {bits} bits does not fit into the {stride} "
                         "bytes that table has a row")
    return count
