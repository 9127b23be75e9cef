"""Int8 search for many queries: each gets what it would get alone, whoever else asks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.scan import scan_int8, scan_int8_many
from tests.oracles import kernels as oracle
from tests.strategies.arrays import (
    bitmaps,
    code_rows,
    disjoint_ranges,
    fenced,
    lengths,
    lookups_of,
    positive_scales,
    score_offsets,
)
from tests.strategies.isas import each_isa

Lookups = tuple[NDArray[np.int64], NDArray[np.int32]]

QUERIES = (0, 1, 2, 3, 4, 5, 63, 64, 65, 200)


def codes_of(n: int, dim: int, seed: int = 0) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return rng.integers(-127, 128, (n, dim), np.int8), rng.uniform(0.01, 0.02, n).astype(np.float32)


def seen_by(
    query: int, ranges: NDArray[np.int64] | None, lookups: Lookups | None
) -> NDArray | None:
    """The ranges that a query sees."""
    if lookups is None or ranges is None:
        return ranges
    starts, numbers = lookups
    sees = [query in numbers[a:b] for a, b in pairwise(starts)]
    return ranges[np.array(sees, np.bool_)]


@each_isa("scan_many_i8")
@settings(deadline=None)
@given(
    data=st.data(),
    q=st.sampled_from(QUERIES),
    n=lengths(16, 64, 128, most=400),
    dim=lengths(4, 16, 32, 64, most=150),
    k=st.sampled_from([1, 3, 10, 70, 30_000]),
)
def test_each_query_gets_the_best_of_the_rows_it_sees(
    isa: str, data: st.DataObject, q: int, n: int, dim: int, k: int
) -> None:
    codes, queries = data.draw(code_rows(n, dim)), data.draw(code_rows(q, dim))
    scales, query_scales = data.draw(positive_scales(n)), data.draw(positive_scales(q))
    chosen = data.draw(bitmaps(n))
    mask, eligible = chosen if chosen else (None, None)
    offsets, ranges = data.draw(score_offsets(n)), data.draw(disjoint_ranges(n))
    lookups = None
    if ranges is not None and data.draw(st.booleans()):
        lookups = data.draw(lookups_of(len(ranges), q))
    rows, scores, found = scan_int8_many(
        fenced(queries),
        fenced(query_scales),
        fenced(codes),
        fenced(scales),
        k,
        offsets=None if offsets is None else fenced(offsets),
        eligible=None if eligible is None else fenced(eligible),
        ranges=ranges,
        lookups=lookups,
        isa=isa,
    )
    assert rows.shape == scores.shape == (q, min(k, n))
    assert (rows.dtype, scores.dtype, found.dtype) == (np.int32, np.float32, np.int32)
    for i in range(q):
        with np.errstate(over="ignore"):
            every = oracle.scan_scores(queries[i], query_scales[i], codes, scales, offsets)
        wanted = oracle.best(every, k, oracle.within(n, mask, seen_by(i, ranges, lookups)))
        assert found[i] == len(wanted[0])
        assert rows[i, : found[i]].tolist() == wanted[0]
        assert scores[i, : found[i]].tolist() == wanted[1]
        assert (rows[i, found[i] :] == -1).all()
        assert (scores[i, found[i] :] == -np.inf).all()


@each_isa("scan_many_i8")
@pytest.mark.parametrize("dim", [64, 100])
@pytest.mark.parametrize("share", [None, 0.05, 0.7])
@pytest.mark.parametrize("q", [2, 65])
def test_a_table_larger_than_the_cache(isa: str, dim: int, share: float | None, q: int) -> None:
    n = (1 << 20) // 64 + 333
    codes, scales = codes_of(n, dim)
    queries, query_scales = codes_of(q, dim, 1)
    mask = None if share is None else np.random.default_rng(2).random(n) < share
    eligible = None if mask is None else np.packbits(mask, bitorder="little")
    rows, scores, found = scan_int8_many(
        queries, query_scales, codes, scales, 50, eligible=eligible, isa=isa
    )
    assert (found == 50).all()
    for i in (0, 1, q - 1):
        alone = scan_int8(queries[i], query_scales[i], codes, scales, 50, eligible=eligible)
        assert (rows[i] == alone[0]).all()
        assert (scores[i] == alone[1]).all()


@each_isa("scan_many_i8")
@pytest.mark.parametrize("dim", [33, 64, 131_071])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_are_exact(isa: str, dim: int, sign: int) -> None:
    codes, queries = np.full((9, dim), 127, np.int8), np.full((3, dim), 127 * sign, np.int8)
    ones = np.ones(9, np.float32)
    rows, scores, _ = scan_int8_many(queries, ones[:3], codes, ones, 9, isa=isa)
    assert (rows == np.arange(9)).all()
    assert (scores == np.float32(sign * dim * 127 * 127)).all()


@each_isa("scan_many_i8")
@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-3, 1.0, 1e25, 3e38])
@pytest.mark.parametrize("row_scale", [1e-44, 1e-38, 1e-5, 1.0, 1e30])
@pytest.mark.filterwarnings("ignore:overflow")
def test_no_row_is_lost_where_scores_are_subnormal_or_infinite(
    isa: str, scale: float, row_scale: float
) -> None:
    codes, _ = codes_of(600, 8)
    queries, _ = codes_of(4, 8, 1)
    scales = np.random.default_rng(2).uniform(0.5, 1, 600).astype(np.float32)
    scales *= np.float32(row_scale)
    query_scales = np.full(4, scale, np.float32)
    rows, scores, _ = scan_int8_many(queries, query_scales, codes, scales, 20, isa=isa)
    for i in range(4):
        every = oracle.scan_scores(queries[i], query_scales[i], codes, scales)
        wanted_rows, wanted_scores = oracle.best(every, 20, None)
        assert rows[i].tolist() == wanted_rows
        assert scores[i].tolist() == wanted_scores


@each_isa("scan_many_i8")
def test_ties_come_in_order_of_rows(isa: str) -> None:
    n = (1 << 20) // 64 * 2
    codes, (queries, query_scales) = np.full((n, 64), 3, np.int8), codes_of(5, 64)
    rows, _, _ = scan_int8_many(
        queries, query_scales, codes, np.ones(n, np.float32), 100, first_row=7, isa=isa
    )
    assert (rows == np.arange(7, 107)).all()


@each_isa("scan_many_i8")
@pytest.mark.parametrize("n", [1, 63, 64, 300])
def test_a_score_that_is_nan_is_refused_where_it_is_eligible(isa: str, n: int) -> None:
    codes, scales = codes_of(n, 32)
    queries, query_scales = codes_of(3, 32, 1)
    offsets = np.zeros(n, np.float32)
    for row in {0, n // 2, n - 1}:
        broken = scales.copy()
        broken[row] = np.nan
        eligible = np.packbits(np.arange(n) != row, bitorder="little")
        for given_scales, given_offsets in ((broken, None), (broken, offsets), (scales, broken)):
            arguments = (queries, query_scales, codes, given_scales, 5)
            with pytest.raises(ValueRangeError, match="NaN"):
                scan_int8_many(*arguments, offsets=given_offsets, isa=isa)
            rows, _, found = scan_int8_many(
                *arguments, offsets=given_offsets, eligible=eligible, isa=isa
            )
            assert row not in rows
            assert (found == min(5, n - 1)).all()


@each_isa("scan_many_i8")
def test_an_infinite_scale_is_an_ordinary_value(isa: str) -> None:
    codes, scales = codes_of(200, 16)
    queries, query_scales = codes_of(5, 16, 1)
    scales[[3, 130]] = np.inf
    rows, scores, _ = scan_int8_many(queries, query_scales, codes, scales, 200, isa=isa)
    for i in range(5):
        every = oracle.scan_scores(queries[i], query_scales[i], codes, scales)
        assert rows[i].tolist() == oracle.best(every, 200, None)[0]
        assert scores[i].tolist() == every[rows[i]].tolist()


@pytest.mark.parametrize(
    ("starts", "numbers"),
    [
        ([1, 1, 2], [0, 1]),
        ([0, 2, 1], [0]),
        ([0, 1, 2], [0, 3]),
        ([0, 1, 2], [0, -1]),
        ([-1, 0, 2], [0, 1]),
    ],
)
def test_lookups_that_do_not_fit_are_refused(starts: list[int], numbers: list[int]) -> None:
    codes, scales = codes_of(9, 4)
    queries, query_scales = codes_of(3, 4, 1)
    ranges = np.array([[0, 4], [4, 9]], np.int64)
    lookups = np.array(starts, np.int64), np.array(numbers, np.int32)
    with pytest.raises(ValueRangeError, match="lookups"):
        scan_int8_many(queries, query_scales, codes, scales, 1, ranges=ranges, lookups=lookups)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("queries", np.zeros((3, 5), np.int8)),
        ("queries", np.zeros(4, np.int8)),
        ("query_scales", np.zeros(2, np.float32)),
        ("query_scales", np.zeros(3, np.float64)),
        ("lookups", np.zeros(3, np.int64)),
        ("lookups", (np.zeros(2, np.int64), np.zeros(1, np.int32))),
        ("lookups", (np.zeros(3, np.int64), np.zeros(1, np.int32))),
        ("lookups", (np.zeros(2, np.int32), np.zeros(0, np.int32))),
        ("lookups", (np.zeros(2, np.int64), np.zeros(0, np.int64))),
    ],
)
def test_arguments_of_another_kind_are_refused(name: str, bad: object) -> None:
    codes, scales = codes_of(3, 4)
    queries, query_scales = codes_of(3, 4, 1)
    arguments = {
        "queries": queries,
        "query_scales": query_scales,
        "codes": codes,
        "scales": scales,
        "k": 1,
        name: bad,
    }
    with pytest.raises(ShapeError, match=name):
        scan_int8_many(**arguments)  # type: ignore[arg-type]


def test_values_outside_their_range_are_refused() -> None:
    codes, scales = codes_of(3, 4)
    queries, query_scales = codes_of(3, 4, 1)
    low, no_scale = queries.copy(), query_scales.copy()
    low[2, 1], no_scale[2] = -128, 0
    with pytest.raises(ValueRangeError, match="got -128"):
        scan_int8_many(low, query_scales, codes, scales, 1)
    with pytest.raises(ValueRangeError, match="query_scale"):
        scan_int8_many(queries, no_scale, codes, scales, 1)
    outside = np.array([[0, 4]], np.int64)
    with pytest.raises(ValueRangeError, match="ranges"):
        scan_int8_many(queries, query_scales, codes, scales, 1, ranges=outside)
    with pytest.raises(LimitExceeded, match="k must be"):
        scan_int8_many(queries, query_scales, codes, scales, 30_001)
    wide = np.zeros((1, 131_072), np.int8)
    with pytest.raises(LimitExceeded, match="dim must be at most 131071"):
        scan_int8_many(wide, query_scales[:1], wide, scales[:1], 1)
