"""Sketches of rotated vectors and the search over them; contracts in src_c/sketch/*.h."""

cimport numpy as cnp
from libc.stdint cimport int32_t, uint64_t
from libc.stdlib cimport free

import numpy as np

from edgerec.kernels.arrays cimport (
    bitmap, cube, empty_vector, er_range, first, first_number, matrix, ranges_in, scratch,
    top_count, vector)
from edgerec.kernels.dispatch cimport (
    ER_BAD_RANGE, ER_BAD_SCALE, ER_NOT_FINITE, ER_OK, er_kernel, er_status, er_status_text, find,
    find_up_to)

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError

__all__ = ["scan_sketches", "scan_sketches_many", "sketch_query", "sketch_rows"]

cnp.import_array()


def sketch_rows(rotated, *, str isa=None):
    """The signs of rotated vectors as bits, and the factor that makes them estimates.

    Parameters
    ----------
    rotated : (n, bits) float32, finite, C-contiguous; bits a multiple of 64, 64 to 4096
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    bits : (n, bits / 64) uint64
        Bit i % 64 of word i / 64 is set where value i is not negative.
    factors : (n,) float32
        sum(x²) / sum(abs(x)) of each row, 0 for zeros, so that the factor times the inner product
        with the signs (+1, -1) estimates the one with the vector.  Every ISA gives the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        NaN or infinity in a row, or values so large that their squares overflow.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef const float *source = <const float *>matrix(rotated, cnp.NPY_FLOAT32, "rotated")
    cdef size_t n = cnp.PyArray_DIM(<cnp.ndarray>rotated, 0), at = 0
    cdef size_t words = word_count(cnp.PyArray_DIM(<cnp.ndarray>rotated, 1))
    cdef cnp.ndarray bits = np.empty((n, words), np.uint64)
    cdef cnp.ndarray factors = empty_vector(n, cnp.NPY_FLOAT32)
    cdef uint64_t *bits_out = <uint64_t *>cnp.PyArray_DATA(bits)
    cdef float *factors_out = <float *>cnp.PyArray_DATA(factors)
    cdef const er_kernel *kernel = find(b"sketch_f32", isa)
    cdef er_status status
    with nogil:
        status = er_sketch_f32(kernel, source, n, words, bits_out, factors_out, &at)
    if status != ER_OK:
        raise ValueRangeError(f"rotated must be finite, and small enough for its squares, but row "
                              f"{at} is not; clean the vectors first")
    return bits, factors


def sketch_query(rotated, planes=4):
    """A rotated query as odd integers, in planes of bits.

    Parameters
    ----------
    rotated : (bits,) float32, finite; bits a multiple of 64, 64 to 4096
    planes : number of planes, 1 to 8: a scan's time grows with it, its error shrinks

    Returns
    -------
    planes : (planes, bits / 64) uint64
        Value i is u = sum over j of 2**j * (+1 where plane j has bit i, -1 where it has not).
    step : float, >= 0
        ``step * u`` approximates the values, and the product of the two is exact; 0 for zeros.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        NaN or infinity in `rotated`, or `planes` outside 1 to 8.
    """
    cdef const float *source = <const float *>vector(rotated, cnp.NPY_FLOAT32, "rotated", -1)
    cdef size_t words = word_count(cnp.PyArray_DIM(<cnp.ndarray>rotated, 0))
    if planes not in range(1, ER_SKETCH_MAX_PLANES + 1):
        raise ValueRangeError(f"planes must be 1 to {ER_SKETCH_MAX_PLANES}, got {planes!r}")
    cdef size_t n_planes = planes
    cdef cnp.npy_intp shape[2]
    shape[:] = [n_planes, words]
    cdef cnp.ndarray quantized = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_UINT64)
    cdef uint64_t *planes_out = <uint64_t *>cnp.PyArray_DATA(quantized)
    cdef float step = 0
    cdef er_status status
    with nogil:
        status = er_sketch_query(source, words, n_planes, planes_out, &step)
    if status != ER_OK:
        raise ValueRangeError("rotated must be finite, but holds NaN or infinity")
    return quantized, step


def scan_sketches(planes, float step, bits, factors, k, *, offsets=None, bases=None, eligible=None,
                  ranges=None, first_row=0, str isa=None):
    """The `k` eligible rows with the largest estimated inner product with the query.

    Parameters
    ----------
    planes, step : the query, (p, w) uint64 and finite >= 0, from `sketch_query`
    bits, factors : the rows, (n, w) uint64, C-contiguous, and (n,) float32, from `sketch_rows`
    k : how many, 1 to 30,000
    offsets : (n,) float32 added to the rows' scores, or None
    bases : (r,) float32 added to the scores of each range's rows, or None
    eligible : (ceil(n / 8),) uint8 bitmap in little bit order (``np.packbits(mask,
        bitorder="little")``), or None for every row
    ranges : (r, 2) int64, C-contiguous: the rows from start to stop of each are looked at; they
        should be disjoint, since a row that lies in two may come twice; None for all rows, as one
        range
    first_row : number of ``bits[0]`` in the result
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    rows : (m,) int32
    scores : (m,) float32
        m = min(k, eligible rows); score descending, equal scores by row ascending; score =
        float32(dot) * factor * step [+ offset] [+ base], rounded step by step, where dot is the
        exact product of the integers of the query with the row's signs.  Every ISA gives the same
        bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        A step that is not finite or negative, an eligible row whose score is NaN, a range outside
        the table, k below 1, or a negative first_row.
    LimitExceeded
        k above 30,000, more than 8 planes or 64 words, or row numbers above 2**31 - 1.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef size_t count = top_count(k), n_ranges, found = 0
    cdef er_query_b1 query
    cdef er_rows_b1 table
    cdef er_range whole
    read_table(&table, bits, factors, offsets, eligible, first_row)
    query.planes = <const uint64_t *>matrix(planes, cnp.NPY_UINT64, "planes")
    query.n_planes = cnp.PyArray_DIM(<cnp.ndarray>planes, 0)
    query.step = step
    check_words(planes, cnp.PyArray_DIM(<cnp.ndarray>planes, 1), table.words)
    cdef const er_range *pieces = ranges_in(ranges, &whole, table.n, &n_ranges)
    cdef const float *added = optional_vector(bases, "bases", n_ranges)
    cdef er_scan_b1_kernels kernels = kernels_for(isa)
    cdef cnp.ndarray best_rows = empty_vector(min(count, table.n), cnp.NPY_INT32)
    cdef cnp.ndarray best_scores = empty_vector(min(count, table.n), cnp.NPY_FLOAT32)
    cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(best_rows)
    cdef float *scores_out = <float *>cnp.PyArray_DATA(best_scores)
    cdef void *memory = scratch(er_best_workspace(count if count < table.n else table.n))
    cdef er_status status
    with nogil:
        status = er_scan_b1(&kernels, &query, &table, pieces, added, n_ranges, count, memory,
                            rows_out, scores_out, &found)
        free(memory)
    if status != ER_OK:
        raise refusal(status, planes)
    return first(best_rows, found), first(best_scores, found)


def scan_sketches_many(planes, steps, bits, factors, k, *, offsets=None, eligible=None,
                       ranges=None, first_row=0, str isa=None):
    """What `scan_sketches` finds for each of many queries, in one pass over the rows.

    Parameters
    ----------
    planes, steps : the queries, (q, p, w) uint64 and (q,) float32, finite >= 0
    bits, factors, k, offsets, eligible, ranges, first_row, isa : as in `scan_sketches`

    Returns
    -------
    rows : (q, min(k, n)) int32
    scores : (q, min(k, n)) float32
        As `scan_sketches` gives them; beyond a query's `found` stand row -1 and score -inf.
    found : (q,) int32

    Raises
    ------
    ShapeError, ValueRangeError, LimitExceeded, UnknownKernel
        As `scan_sketches` does.
    """
    cdef size_t count = top_count(k), n_ranges
    cdef er_queries_b1 queries
    cdef er_rows_b1 table
    cdef er_range whole
    read_table(&table, bits, factors, offsets, eligible, first_row)
    queries.planes = <const uint64_t *>cube(planes, cnp.NPY_UINT64, "planes")
    queries.n = cnp.PyArray_DIM(<cnp.ndarray>planes, 0)
    queries.n_planes = cnp.PyArray_DIM(<cnp.ndarray>planes, 1)
    queries.steps = <const float *>vector(steps, cnp.NPY_FLOAT32, "steps", queries.n)
    check_words(planes, cnp.PyArray_DIM(<cnp.ndarray>planes, 2), table.words)
    cdef const er_range *pieces = ranges_in(ranges, &whole, table.n, &n_ranges)
    cdef er_scan_b1_kernels kernels = kernels_for(isa)
    best_rows = np.empty((queries.n, min(count, table.n)), np.int32)
    best_scores = np.empty((queries.n, min(count, table.n)), np.float32)
    cdef cnp.ndarray found = empty_vector(queries.n, cnp.NPY_INT32)
    cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(<cnp.ndarray>best_rows)
    cdef float *scores_out = <float *>cnp.PyArray_DATA(<cnp.ndarray>best_scores)
    cdef int32_t *found_out = <int32_t *>cnp.PyArray_DATA(found)
    cdef void *tops = scratch(er_scan_many_b1_workspace(queries.n, table.n, count))
    cdef er_status status
    with nogil:
        status = er_scan_many_b1(&kernels, &queries, &table, pieces, n_ranges, count, tops,
                                 rows_out, scores_out, found_out)
        free(tops)
    if status != ER_OK:
        raise refusal(status, planes)
    return best_rows, best_scores, found


cdef er_scan_b1_kernels kernels_for(str isa) except *:
    """The implementation `isa` of a scan, and what goes with it."""
    cdef er_scan_b1_kernels kernels
    kernels.scan = find(b"scan_b1", isa)
    kernels.reach = find_up_to(b"reach_f32", isa)
    return kernels


cdef size_t word_count(Py_ssize_t bits) except 0:
    """Words of a sketch of so many bits."""
    if bits < 64 or bits % 64 or bits > 64 * ER_SKETCH_MAX_WORDS:
        raise ShapeError(f"rotated must be a multiple of 64 wide, at least 64 and at most "
                         f"{64 * ER_SKETCH_MAX_WORDS}, got {bits}")
    return bits // 64


cdef const float *optional_vector(object array, str name, Py_ssize_t length) except? NULL:
    if array is None:
        return NULL
    return <const float *>vector(array, cnp.NPY_FLOAT32, name, length)


cdef int check_words(object planes, size_t words, size_t wanted) except -1:
    if words != wanted:
        raise ShapeError(f"planes must have {wanted} words as the rows, got {planes.shape}")
    return 0


cdef int read_table(er_rows_b1 *table, object bits, object factors, object offsets,
                    object eligible, object first_row) except -1:
    table.bits = <const uint64_t *>matrix(bits, cnp.NPY_UINT64, "bits")
    table.n = cnp.PyArray_DIM(<cnp.ndarray>bits, 0)
    table.words = cnp.PyArray_DIM(<cnp.ndarray>bits, 1)
    table.factors = <const float *>vector(factors, cnp.NPY_FLOAT32, "factors", table.n)
    table.offsets = optional_vector(offsets, "offsets", table.n)
    table.eligible = bitmap(eligible, table.n)
    table.first_row = first_number(first_row, table.n)
    return 0


cdef object refusal(er_status status, object planes):
    """The exception for a status of the entry points."""
    if status == ER_BAD_SCALE:
        return ValueRangeError("the step of a query must be finite and at least 0")
    if status == ER_BAD_RANGE:
        return ValueRangeError("ranges must satisfy 0 <= start <= stop <= number of rows")
    if status == ER_NOT_FINITE:
        return ValueRangeError("the score of an eligible row is NaN: factors, offsets and bases "
                               "must be finite")
    return LimitExceeded(f"planes must be 1 to {ER_SKETCH_MAX_PLANES} of 1 to "
                         f"{ER_SKETCH_MAX_WORDS} words, got {planes.shape}: "
                         f"{er_status_text(status).decode()}")
