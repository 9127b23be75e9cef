"""Random rotation of vectors for sketches; contract in src_c/rotate/rotate.h."""

cimport numpy as cnp
from libc.stdint cimport int8_t

import numpy as np

from edgerec.kernels.arrays cimport matrix, writable
from edgerec.kernels.dispatch cimport ER_BAD_CODE, ER_OK, er_kernel, er_status, find

from edgerec.errors import ShapeError, ValueRangeError

__all__ = ["rotate"]

cnp.import_array()


def rotate(x, signs, *, str isa=None, out=None):
    """Rotate rows, each followed by zeros up to the width of the signs.

    Parameters
    ----------
    x : (n, dim) float32, C-contiguous
    signs : (rounds, bits) int8, each +1 or -1; bits a multiple of 64, at least dim, at most 4096.
        Three rounds serve a power of two; any other width is transformed in two overlapping parts
        by turns, and wants six
    isa : implementation to use, exactly; the best runnable one if None
    out : (n, bits) float32 to write into instead of a new array; must not overlap `x`

    Returns
    -------
    rotated : (n, bits) float32
        An orthogonal map: norms and inner products stay, up to rounding.  NaN and infinity spread
        over their row.  Every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        A sign is neither +1 nor -1.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef const float *source = <const float *>matrix(x, cnp.NPY_FLOAT32, "x")
    cdef const int8_t *flips = <const int8_t *>matrix(signs, cnp.NPY_INT8, "signs")
    cdef size_t n = cnp.PyArray_DIM(<cnp.ndarray>x, 0), dim = cnp.PyArray_DIM(<cnp.ndarray>x, 1)
    cdef size_t rounds = cnp.PyArray_DIM(<cnp.ndarray>signs, 0)
    cdef size_t bits = cnp.PyArray_DIM(<cnp.ndarray>signs, 1)
    if bits < dim:
        raise ShapeError(f"signs must be at least {dim} wide, as x is, got {signs.shape}")
    if out is None:
        out = np.empty((n, bits), np.float32)
    cdef float *rotated = <float *>matrix(out, cnp.NPY_FLOAT32, "out")
    if out.shape != (n, bits):
        raise ShapeError(f"out must have shape ({n}, {bits}), got {out.shape}")
    writable(out, "out")
    cdef const er_kernel *kernel = find(b"rotate_f32", isa)
    cdef er_status status
    with nogil:
        status = er_rotate_f32(kernel, source, n, dim, bits, flips, rounds, rotated)
    if status == ER_BAD_CODE:
        raise ValueRangeError("signs must be +1 or -1")
    if status != ER_OK:
        raise ShapeError(f"signs must be a multiple of 64 wide, at least 64 and at most "
                         f"{ER_ROTATE_MAX_BITS}, got {bits}")
    return out
