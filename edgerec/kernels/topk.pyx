"""The k best of many scores; contract in src_c/topk/topk.h."""

cimport numpy as cnp
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free

from edgerec.kernels.arrays cimport bitmap, empty_vector, first, scratch, top_count, vector
from edgerec.kernels.dispatch cimport ER_OK, er_kernel, er_status, find

from edgerec.errors import ValueRangeError

__all__ = ["top_k"]

cnp.import_array()


def top_k(scores, k, *, eligible=None, str isa=None):
    """The `k` best scores and their rows.

    Parameters
    ----------
    scores : (n,) float32; infinities are ordinary values
    k : how many, 1 to 30,000
    eligible : (ceil(n / 8),) uint8 bitmap in little bit order (``np.packbits(mask,
        bitorder="little")``), or None for every row; scores of other rows are not looked at
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    rows : (m,) int32
    scores : (m,) float32
        m = min(k, eligible rows); score descending, equal scores by row ascending; -0.0 counts,
        and comes back, as 0.0.  Every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        NaN in an eligible row, or k below 1.
    LimitExceeded
        k above 30,000.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef size_t count = top_count(k), found = 0
    cdef const float *values = <const float *>vector(scores, cnp.NPY_FLOAT32, "scores", -1)
    cdef size_t n = cnp.PyArray_DIM(<cnp.ndarray>scores, 0)
    cdef const uint8_t *mask = bitmap(eligible, n)
    cdef const er_kernel *kernel = find(b"topk_f32", isa)
    cdef cnp.ndarray best_rows = empty_vector(min(count, n), cnp.NPY_INT32)
    cdef cnp.ndarray best_scores = empty_vector(min(count, n), cnp.NPY_FLOAT32)
    cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(best_rows)
    cdef float *scores_out = <float *>cnp.PyArray_DATA(best_scores)
    cdef er_key *keys = <er_key *>scratch(er_topk_workspace(count) * sizeof(er_key))
    cdef er_status status
    with nogil:
        status = er_topk_f32(
            kernel, values, n, mask, count, keys, rows_out, scores_out, &found)
        free(keys)
    if status != ER_OK:
        raise ValueRangeError("scores must not hold NaN in an eligible row")
    return first(best_rows, found), first(best_scores, found)
