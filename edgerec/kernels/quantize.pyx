"""Symmetric int8 quantisation of rows and columns; contract in src_c/quantize/quantize.h."""

cimport numpy as cnp
from libc.stdint cimport int8_t

import numpy as np

from edgerec.kernels.arrays cimport matrix, vector, writable
from edgerec.kernels.dispatch cimport ER_OK, er_kernel, er_status, find

from edgerec.errors import ShapeError, ValueRangeError

__all__ = ["quantize_columns", "quantize_rows"]

cnp.import_array()


def quantize_rows(x, *, str isa=None, codes=None, scales=None):
    """Quantise each row to int8 with a scale of its own.

    Parameters
    ----------
    x : (n, dim) float32, finite, C-contiguous
    isa : implementation to use, exactly; the best runnable one if None
    codes, scales : arrays to write into instead of new ones; must not overlap `x`

    Returns
    -------
    codes : (n, dim) int8 in [-127, 127]
    scales : (n,) float32 > 0
        ``|codes * scale - x| <= scale / 2`` up to one ulp; a row of zeros gets scale 1; rounding
        is half to even.  Every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        NaN or infinity in `x`; rows before the offending one have been written.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    return quantized(b"quantize_f32", x, codes, scales, False, isa)


def quantize_columns(x, *, str isa=None, codes=None, scales=None):
    """Quantise each column to int8 with a scale of its own.

    Parameters
    ----------
    x : (n, dim) float32, finite, C-contiguous
    isa : implementation to use, exactly; the best runnable one if None
    codes, scales : arrays to write into instead of new ones; must not overlap `x`

    Returns
    -------
    codes : (n, dim) int8 in [-127, 127]
    scales : (dim,) float32 > 0
        ``|codes * scale - x| <= scale / 2`` up to one ulp; a column of zeros gets scale 1; rounding
        is half to even.  Every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        NaN or infinity in `x`; nothing has been written.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    return quantized(b"quantize_columns_f32", x, codes, scales, True, isa)


cdef tuple quantized(
        const char *family, object x, object codes, object scales, bint by_column, str isa):
    """Codes and scales, of rows or of columns."""
    cdef const float *source = <const float *>matrix(x, cnp.NPY_FLOAT32, "x")
    cdef size_t n = x.shape[0], dim = x.shape[1], done = 0
    if codes is None:
        codes = np.empty((n, dim), np.int8)
    if scales is None:
        scales = np.empty(dim if by_column else n, np.float32)
    matrix(codes, cnp.NPY_INT8, "codes")
    vector(scales, cnp.NPY_FLOAT32, "scales", dim if by_column else n)
    if codes.shape != x.shape:
        raise ShapeError(f"codes must have the shape of x, {x.shape}, got {codes.shape}")
    cdef int8_t *codes_out = <int8_t *>writable(codes, "codes")
    cdef float *scales_out = <float *>writable(scales, "scales")
    cdef const er_kernel *kernel = find(family, isa)
    cdef er_status status
    with nogil:
        if by_column:
            status = er_quantize_columns_f32(
                kernel, source, n, dim, codes_out, scales_out, &done)
        else:
            status = er_quantize_f32(kernel, source, n, dim, codes_out, scales_out, &done)
    if status != ER_OK:
        raise ValueRangeError(f"x must be finite, but row {done} holds NaN or infinity; "
                              "drop the row or clean the vectors first")
    return codes, scales
