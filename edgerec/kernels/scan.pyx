"""Exhaustive int8 search, filtered, with its top-k; contract in src_c/scan/scan.h."""

cimport numpy as cnp
from libc.stdint cimport int8_t, int32_t
from libc.stdlib cimport free

from edgerec.kernels.arrays cimport (
    bitmap, empty_vector, er_range, first, first_number, lookups_in, matrix, ranges_in, scratch,
    top_count, vector)
from edgerec.kernels.dispatch cimport (
    ER_BAD_CODE, ER_BAD_LOOKUPS, ER_BAD_RANGE, ER_BAD_SCALE, ER_NOT_FINITE, ER_OK, er_kernel,
    er_status, er_status_text, find)
from edgerec.kernels.topk cimport er_key, er_topk_workspace

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError

__all__ = ["scan_int8", "scan_int8_many"]

cnp.import_array()


def scan_int8(query, float query_scale, codes, scales, k, *, offsets=None,
              eligible=None, ranges=None, first_row=0, str isa=None):
    """The `k` eligible rows with the largest inner product with the query.

    Parameters
    ----------
    query : (dim,) int8 in [-127, 127], dim at most 131,071
    query_scale : finite, > 0
    codes : (n, dim) int8 in [-127, 127], C-contiguous (not checked: writers guarantee the range)
    scales : (n,) float32 > 0
    k : how many, 1 to 30,000
    offsets : (n,) float32 added to the scores, or None; -|x|**2 / 2 makes the nearest row the best
    eligible : (ceil(n / 8),) uint8 bitmap in little bit order (``np.packbits(mask,
        bitorder="little")``), or None for every row
    ranges : (r, 2) int64, C-contiguous: the rows from start to stop of each are looked at, in this
        order, which the result does not show; they should be disjoint, since a row that lies in
        two may come twice; None for all rows
    first_row : number of ``codes[0]`` in the result, for a search over a slice of a table; a slice
        that starts at a multiple of 8 can slice the bitmap too
    isa : implementation to use, exactly; the best runnable one if None

    Returns
    -------
    rows : (m,) int32
    scores : (m,) float32
        m = min(k, eligible rows); score descending, equal scores by row ascending; score =
        float32(dot) * row scale * query scale [+ offset], rounded step by step.  Every ISA gives
        the same bits.

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above.
    ValueRangeError
        -128 in the query, a query scale that is not finite and positive, an eligible row whose
        score is NaN, k below 1, a range that does not lie in the table, or a negative first_row.
    LimitExceeded
        k above 30,000, dim above 131,071, or row numbers above 2**31 - 1.
    UnknownKernel
        `isa` is unknown or cannot run here.
    """
    cdef size_t count = top_count(k), found = 0, n_ranges
    cdef er_query_i8 wanted
    cdef er_range whole
    cdef er_rows_i8 table = table_of(codes, scales, offsets, eligible, first_row)
    cdef const er_range *pieces = ranges_in(ranges, &whole, table.n, &n_ranges)
    wanted.codes = <const int8_t *>vector(query, cnp.NPY_INT8, "query", table.dim)
    wanted.scale = query_scale
    cdef const er_kernel *kernel = find(b"scan_i8", isa)
    cdef cnp.ndarray best_rows = empty_vector(min(count, table.n), cnp.NPY_INT32)
    cdef cnp.ndarray best_scores = empty_vector(min(count, table.n), cnp.NPY_FLOAT32)
    cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(best_rows)
    cdef float *scores_out = <float *>cnp.PyArray_DATA(best_scores)
    cdef er_key *keys = <er_key *>scratch(er_topk_workspace(count) * sizeof(er_key))
    cdef er_status status
    with nogil:
        status = er_scan_i8(
            kernel, &wanted, &table, pieces, n_ranges, count, keys, rows_out, scores_out, &found)
        free(keys)
    if status != ER_OK:
        raise refusal(status, table.dim)
    return first(best_rows, found), first(best_scores, found)


def scan_int8_many(queries, query_scales, codes, scales, k, *, offsets=None, eligible=None,
                   ranges=None, lookups=None, first_row=0, str isa=None):
    """What `scan_int8` gives for each of many queries, whose rows are read once for all of them.

    Parameters
    ----------
    queries : (q, dim) int8 in [-127, 127], C-contiguous
    query_scales : (q,) float32, finite, > 0
    codes, scales, k, offsets, eligible, ranges, first_row, isa : as in `scan_int8`
    lookups : which queries see which range, (starts (r + 1,) int64, numbers (v,) int32): range i is
        seen by the queries ``numbers[starts[i]:starts[i + 1]]``; None if all see all of them

    Returns
    -------
    rows : (q, w) int32
    scores : (q, w) float32
        w = min(k, n).  Each line is the result of its query alone, bit for bit; then rows are -1
        and scores -inf.
    found : (q,) int32
        How many of each line are results.

    Raises
    ------
    ShapeError, ValueRangeError, LimitExceeded, UnknownKernel
        As `scan_int8`; also for lookups that do not start at 0, descend, end elsewhere than their
        numbers, or name a query that there is not.
    """
    cdef size_t count = top_count(k), n_ranges
    cdef er_range whole
    cdef er_rows_i8 table = table_of(codes, scales, offsets, eligible, first_row)
    cdef const er_range *pieces = ranges_in(ranges, &whole, table.n, &n_ranges)
    cdef er_queries_i8 wanted
    wanted.codes = <const int8_t *>matrix(queries, cnp.NPY_INT8, "queries")
    wanted.n = cnp.PyArray_DIM(<cnp.ndarray>queries, 0)
    if <size_t>cnp.PyArray_DIM(<cnp.ndarray>queries, 1) != table.dim:
        raise ShapeError(f"queries must have {table.dim} columns as codes have, got "
                         f"{queries.shape[1]}")
    wanted.scales = <const float *>vector(query_scales, cnp.NPY_FLOAT32, "query_scales", wanted.n)
    cdef er_lookups seen
    cdef const er_lookups *seen_by = lookups_in(lookups, &seen, n_ranges)
    cdef const er_kernel *kernel = find(b"scan_many_i8", isa)
    count = min(count, max(table.n, <size_t>1))
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = wanted.n, min(count, table.n)
    cdef cnp.ndarray rows = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_INT32)
    cdef cnp.ndarray scores_ = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT32)
    cdef cnp.ndarray found = empty_vector(wanted.n, cnp.NPY_INT32)
    cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(rows)
    cdef float *scores_out = <float *>cnp.PyArray_DATA(scores_)
    cdef int32_t *found_out = <int32_t *>cnp.PyArray_DATA(found)
    cdef void *memory = scratch(er_scan_many_i8_workspace(wanted.n, seen_by, table.dim, count))
    cdef er_status status
    with nogil:
        status = er_scan_many_i8(kernel, &wanted, &table, pieces, n_ranges, seen_by, count, memory,
                                 rows_out, scores_out, found_out)
        free(memory)
    if status != ER_OK:
        raise refusal(status, table.dim)
    return rows, scores_, found


cdef er_rows_i8 table_of(object codes, object scales, object offsets, object eligible,
                         object first_row) except *:
    """The rows to be searched, checked but for their values."""
    cdef er_rows_i8 table
    table.codes = <const int8_t *>matrix(codes, cnp.NPY_INT8, "codes")
    table.n = cnp.PyArray_DIM(<cnp.ndarray>codes, 0)
    table.dim = cnp.PyArray_DIM(<cnp.ndarray>codes, 1)
    table.scales = <const float *>vector(scales, cnp.NPY_FLOAT32, "scales", table.n)
    table.offsets = NULL
    if offsets is not None:
        table.offsets = <const float *>vector(offsets, cnp.NPY_FLOAT32, "offsets", table.n)
    table.eligible = bitmap(eligible, table.n)
    table.first_row = first_number(first_row, table.n)
    return table


cdef object refusal(er_status status, size_t dim):
    """The exception for a status of an entry point."""
    if status == ER_BAD_CODE:
        return ValueRangeError("query must lie in [-127, 127], got -128; quantize_rows never "
                               "writes it")
    if status == ER_BAD_SCALE:
        return ValueRangeError("query_scale must be finite and positive")
    if status == ER_BAD_RANGE:
        return ValueRangeError("ranges must satisfy 0 <= start <= stop <= number of rows")
    if status == ER_BAD_LOOKUPS:
        return ValueRangeError("lookups' starts must ascend from 0, and their numbers be those of "
                               "queries")
    if status == ER_NOT_FINITE:
        return ValueRangeError("the score of an eligible row is NaN: scales and offsets must be "
                               "finite")
    return LimitExceeded(f"dim must be at most {ER_SCAN_MAX_DIM}, got {dim}: "
                         f"{er_status_text(status).decode()}")
