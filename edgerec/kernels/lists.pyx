"""Search in inverted lists, from queries to their best rows; contract in src_c/lists/lists.h."""

cimport numpy as cnp
from libc.stdint cimport int8_t, int32_t, uint8_t, uint64_t
from libc.stdlib cimport free

from edgerec.kernels.arrays cimport (
    bitmap, empty_vector, first, has_dtype, integer, matrix, ranges_in, scratch, vector)
from edgerec.kernels.dispatch cimport (
    ER_BAD_K, ER_BAD_OFFSET, ER_BAD_SCALE, ER_NOT_FINITE, ER_OK, er_status, er_status_text,
    find_up_to)
from edgerec.kernels.later cimport (
    LaterRows, er_later, er_later_fit, er_later_stop, er_metric, table)

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError

__all__ = ["ListSearch"]

cnp.import_array()

cdef extern from "topk/topk.h" nogil:
    enum: ER_TOPK_MAX

METRICS = ("inner", "cosine", "l2")


cdef class ListSearch:
    """The tables of an inverted file, checked once and searched from any number of threads.

    Parameters
    ----------
    groups, lists : centroids, each (codes, scales (n,) float32, offsets (n,) float32); the
        offsets are added to the products with them, as `scan_int8` does. Codes are (n, dim) int8
        for the groups and (n, (dim + 1) // 2) uint8 for the lists: column j in the low nibble of
        byte j, column j + (dim + 1) // 2 in the high one, each 8 more than its code
    members : (groups, 2) int64, the lists of each group, from start to stop
    ranges : (lists, 2) int64, the rows of each list
    sizes : (lists,) int32, how many these are
    sketches : (bits (n, w) uint64, factors (n,) float32) of the rows
    codes, scales, offsets : (n, dim) int8, (n,) float32, and (n,) float32 or None, of the rows
    signs : (rounds, 64 w) int8, the rotation of the sketches
    vectors : (n, dim) float32 or float16, or None for what the codes say
    metric : "inner", "cosine" or "l2"
    ceiling : the best ISA to use; the best runnable one if None

    Raises
    ------
    ShapeError
        A dtype, rank, length or layout differs from the above, or a range lies outside.
    ValueRangeError
        An unknown metric.
    UnknownKernel
        `ceiling` is unknown.
    """

    cdef er_lists tables
    cdef er_lists_kernels kernels
    cdef object arrays  # keeps the memory alive

    def __init__(self, groups, lists, members, ranges, sizes, sketches, codes, scales, offsets,
                 signs, vectors, str metric, *, str ceiling=None):
        cdef size_t count
        groups, lists, (bits, factors) = tuple(groups), tuple(lists), sketches
        self.arrays = (groups, lists, members, ranges, sizes, bits, factors, codes, scales, offsets,
                       signs, vectors)
        if metric not in METRICS:
            raise ValueRangeError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
        self.tables.groups = table(groups[0], groups[1], groups[2], "groups")
        self.tables.lists = table_of_nibbles(lists, self.tables.groups.dim, "lists")
        self.tables.codes = table(codes, scales, offsets, "rows")
        self.tables.members = ranges_in(members, NULL, 0, &count)
        if count != self.tables.groups.n:
            raise ShapeError(f"members must be {self.tables.groups.n} ranges, got {count}")
        self.tables.ranges = ranges_in(ranges, NULL, 0, &count)
        if count != self.tables.lists.n:
            raise ShapeError(f"ranges must be {self.tables.lists.n} ranges, got {count}")
        self.tables.sizes = <const int32_t *>vector(sizes, cnp.NPY_INT32, "sizes", count)
        self.tables.sketches.bits = <const uint64_t *>matrix(bits, cnp.NPY_UINT64, "bits")
        self.tables.sketches.n = cnp.PyArray_DIM(<cnp.ndarray>bits, 0)
        self.tables.sketches.words = cnp.PyArray_DIM(<cnp.ndarray>bits, 1)
        self.tables.sketches.factors = <const float *>vector(
            factors, cnp.NPY_FLOAT32, "factors", self.tables.sketches.n)
        self.tables.sketches.offsets = self.tables.codes.offsets
        self.tables.signs = <const int8_t *>matrix(signs, cnp.NPY_INT8, "signs")
        self.tables.n_rounds = cnp.PyArray_DIM(<cnp.ndarray>signs, 0)
        if <size_t>cnp.PyArray_DIM(<cnp.ndarray>signs, 1) != 64 * self.tables.sketches.words:
            raise ShapeError(f"signs must be as wide as a sketch, {64 * bits.shape[1]}, got "
                             f"{signs.shape}")
        self.tables.metric = <er_metric><int>METRICS.index(metric)
        self.tables.half = has_dtype(vectors, cnp.NPY_FLOAT16)
        if vectors is not None:
            dtype = cnp.NPY_FLOAT16 if self.tables.half else cnp.NPY_FLOAT32
            self.tables.vectors = matrix(vectors, dtype, "vectors")
            if vectors.shape != codes.shape:
                raise ShapeError(f"vectors must have shape {codes.shape}, got {vectors.shape}")
        if not er_lists_fit(&self.tables):
            raise ShapeError("groups, lists and rows must have one dim, their ranges must lie in "
                             "what they are ranges of, and there must be a sketch for every row")
        family = f"{metric}_{'f16' if self.tables.half else 'f32'}".encode()
        self.kernels.quantize = find_up_to(b"quantize_f32", ceiling)
        self.kernels.rotate = find_up_to(b"rotate_f32", ceiling)
        self.kernels.scan = find_up_to(b"scan_i8", ceiling)
        self.kernels.score = find_up_to(b"score_i4", ceiling)
        self.kernels.sketches = find_up_to(b"scan_b1", ceiling)
        self.kernels.reach = find_up_to(b"reach_f32", ceiling)
        self.kernels.products = find_up_to(b"inner_i8", ceiling)
        self.kernels.weigh = find_up_to(b"weigh_f32", ceiling)
        self.kernels.count = find_up_to(b"count_b1", ceiling)
        self.kernels.measure = find_up_to(family, ceiling)

    def search(self, query, k, *, wanted, rows, groups, shortlist, further=1.0, eligible=None,
               LaterRows later=None):
        """The best rows of the lists that promise most.

        Parameters
        ----------
        query : (dim,) float32, finite
        k : how many rows, 1 to `wanted`
        wanted : how many rows the vectors decide among, at most 30,000
        rows : lists are looked into until the rows that they hold and the eligible ones of these
            have so large a geometric mean
        groups : whose lists are scored at first; if these hold too few rows, all are
        shortlist : how many rows are proposed by sketches, at most 30,000; 0 for the best `wanted`
            by their codes
        further : >= 1, what both `rows` and `groups` are multiplied with at first, for a filter
        eligible : (ceil(n / 8),) uint8 bitmap in little bit order, or None for every row; of the
            later rows too
        later : rows that came later; they are found like the others, where they lie in lists that
            are looked into or in none, and none of them by sketches

        Returns
        -------
        rows : (m,) int32
        scores : (m,) float32
            By the vectors: inner products, cosines, or squared distances negated; descending,
            equal scores by row ascending.
        proposed : int
            How many rows were decided among, by codes first; where it is below `wanted` the lists
            that were looked into hold no more eligible ones, nor do the rows that are in none.
        looked : (l,) int32
            The lists that were looked into, in no order.

        Raises
        ------
        ShapeError
            A dtype, rank, length or layout differs from the above.
        ValueRangeError
            A query or a score that is not finite, or k outside its range.
        LimitExceeded
            A number is negative, or too large.
        """
        cdef er_probing probing = probing_of(k, wanted, rows, groups, further, shortlist)
        cdef const float *asked = <const float *>vector(
            query, cnp.NPY_FLOAT32, "query", self.tables.codes.dim)
        cdef const er_later *more = NULL if later is None else &later.rows
        cdef const uint8_t *allowed = eligible_rows(eligible, &self.tables, more)
        cdef cnp.ndarray best_rows = empty_vector(probing.k, cnp.NPY_INT32)
        cdef cnp.ndarray best_scores = empty_vector(probing.k, cnp.NPY_FLOAT32)
        cdef cnp.ndarray numbers = empty_vector(self.tables.lists.n, cnp.NPY_INT32)
        cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(best_rows)
        cdef float *scores_out = <float *>cnp.PyArray_DATA(best_scores)
        cdef int32_t *numbers_out = <int32_t *>cnp.PyArray_DATA(numbers)
        cdef void *memory = scratch(er_lists_workspace(&self.tables, &probing))
        cdef size_t found = 0, proposed = 0, looked = 0
        cdef er_status status
        with nogil:
            status = er_lists_search(
                &self.kernels, &self.tables, more, &probing, asked, allowed, memory, rows_out,
                scores_out, &found, &proposed, numbers_out, &looked)
            free(memory)
        if status != ER_OK:
            raise refusal(status)
        return first(best_rows, found), first(best_scores, found), proposed, first(numbers, looked)

    def search_many(self, queries, k, *, wanted, rows, groups, shortlist, further=1.0,
                    eligible=None, LaterRows later=None):
        """What `search` gives for each of many queries, one after the other.

        Parameters
        ----------
        queries : (q, dim) float32, finite, C-contiguous
        k, wanted, rows, groups, shortlist, further, eligible, later : as in `search`

        Returns
        -------
        rows : (q, k) int32
        scores : (q, k) float32
        found, proposed : (q,) int32
            How many of each line are results, and how many rows were decided among.

        Raises
        ------
        ShapeError, ValueRangeError, LimitExceeded
            As `search`.
        """
        cdef er_probing probing = probing_of(k, wanted, rows, groups, further, shortlist)
        cdef const float *asked = <const float *>matrix(queries, cnp.NPY_FLOAT32, "queries")
        cdef size_t n = cnp.PyArray_DIM(<cnp.ndarray>queries, 0), dim = self.tables.codes.dim
        if <size_t>cnp.PyArray_DIM(<cnp.ndarray>queries, 1) != dim:
            raise ShapeError(f"queries must have {dim} columns, got {queries.shape}")
        cdef const er_later *more = NULL if later is None else &later.rows
        cdef const uint8_t *allowed = eligible_rows(eligible, &self.tables, more)
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = n, probing.k
        cdef cnp.ndarray best_rows = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_INT32)
        cdef cnp.ndarray best_scores = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT32)
        cdef cnp.ndarray found = empty_vector(n, cnp.NPY_INT32)
        cdef cnp.ndarray proposed = empty_vector(n, cnp.NPY_INT32)
        cdef int32_t *rows_out = <int32_t *>cnp.PyArray_DATA(best_rows)
        cdef float *scores_out = <float *>cnp.PyArray_DATA(best_scores)
        cdef int32_t *found_out = <int32_t *>cnp.PyArray_DATA(found)
        cdef int32_t *proposed_out = <int32_t *>cnp.PyArray_DATA(proposed)
        cdef void *memory = scratch(er_lists_workspace(&self.tables, &probing))
        cdef size_t q, found_one = 0, proposed_one = 0, looked = 0
        cdef er_status status = ER_OK
        with nogil:
            for q in range(n):
                status = er_lists_search(
                    &self.kernels, &self.tables, more, &probing, asked + q * dim, allowed, memory,
                    rows_out + q * probing.k, scores_out + q * probing.k, &found_one,
                    &proposed_one, NULL, &looked)
                if status != ER_OK:
                    break
                found_out[q], proposed_out[q] = found_one, proposed_one
            free(memory)
        if status != ER_OK:
            raise refusal(status)
        return best_rows, best_scores, found, proposed


cdef er_rows_i4 table_of_nibbles(object arrays, size_t dim, str name) except *:
    """Rows of four-bit codes with offsets, checked but for their values."""
    cdef er_rows_i4 rows
    codes, scales, offsets = arrays
    rows.codes = <const uint8_t *>matrix(codes, cnp.NPY_UINT8, f"codes of {name}")
    rows.n = cnp.PyArray_DIM(<cnp.ndarray>codes, 0)
    rows.dim = dim
    if <size_t>cnp.PyArray_DIM(<cnp.ndarray>codes, 1) != er_row_bytes_i4(dim):
        raise ShapeError(f"codes of {name} must have {er_row_bytes_i4(dim)} bytes a row for {dim} "
                         f"dimensions, got {codes.shape}")
    rows.scales = <const float *>vector(scales, cnp.NPY_FLOAT32, f"scales of {name}", rows.n)
    rows.offsets = <const float *>vector(offsets, cnp.NPY_FLOAT32, f"offsets of {name}", rows.n)
    return rows


cdef const uint8_t *eligible_rows(
        object eligible, const er_lists *lists, const er_later *later) except? NULL:
    """Memory of a bitmap over all rows, and whether the later ones belong to the lists."""
    cdef size_t rows = lists.codes.n
    if later != NULL:
        if (later.n_lists != lists.lists.n or not er_later_fit(
                later, rows, lists.codes.dim, lists.vectors != NULL, lists.half)):
            raise ShapeError("later rows must follow those of the lists, with as many dimensions "
                             "and lists, and vectors of the same dtype or none")
        rows = larger(rows, er_later_stop(later))
    return bitmap(eligible, rows)


cdef size_t larger(size_t a, size_t b) noexcept:
    return a if a > b else b


cdef er_probing probing_of(object k, object wanted, object rows, object groups, double further,
                           object shortlist) except *:
    cdef er_probing probing
    try:
        probing.k, probing.wanted = integer(k, "k"), integer(wanted, "wanted")
        probing.rows, probing.shortlist = integer(rows, "rows"), integer(shortlist, "shortlist")
        probing.groups, probing.further = integer(groups, "groups"), further
    except OverflowError as error:
        raise LimitExceeded(f"how far a search goes must lie in [0, 2**64): {error}") from error
    if not 1 <= probing.k <= probing.wanted or larger(
            probing.wanted, probing.shortlist) > ER_TOPK_MAX:
        raise refusal(ER_BAD_K)  # before memory is taken for so many
    return probing


cdef object refusal(er_status status):
    """The exception for a status of the entry point."""
    if status == ER_BAD_K:
        return ValueRangeError("k must lie in [1, wanted], wanted and shortlist be at most 30,000")
    if status == ER_BAD_SCALE:
        return ValueRangeError("further must be at least 1")
    if status == ER_NOT_FINITE:
        return ValueRangeError("the query, or the score of a row, is NaN or infinite")
    if status == ER_BAD_OFFSET:
        return ValueRangeError("the offsets of the later rows must rise within their order")
    return LimitExceeded(er_status_text(status).decode())
