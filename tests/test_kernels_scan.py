"""Exhaustive int8 search: exact sums, the order of the score, filters, slices, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import EdgerecError, LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.scan import scan_int8
from tests.oracles import kernels as oracle
from tests.strategies.arrays import (
    bitmaps,
    code_rows,
    disjoint_ranges,
    fenced,
    lengths,
    positive_scales,
    score_offsets,
    shifted,
)
from tests.strategies.isas import each_isa

SCALE = np.float32(0.02)
MANY = (8, 16, 64, 256)  # a group of rows, a block, four streams


def codes_of(n: int, dim: int, seed: int = 0) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return rng.integers(-127, 128, (n, dim), np.int8), rng.uniform(0.01, 0.02, n).astype(np.float32)


def query_of(dim: int, seed: int = 1) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, dim, np.int8)


@each_isa("scan_i8")
@settings(deadline=None)
@given(
    data=st.data(),
    n=lengths(*MANY, most=700),
    dim=lengths(4, 8, 16, 32, 64, most=200),
    k=st.sampled_from([1, 3, 10, 70, 1000, 30_000]),
)
def test_every_isa_equals_a_sort_of_all_scores(
    isa: str, data: st.DataObject, n: int, dim: int, k: int
) -> None:
    codes = data.draw(code_rows(n, dim))
    query = data.draw(code_rows(1, dim))[0]
    scales = data.draw(positive_scales(n))
    chosen = data.draw(bitmaps(n))
    mask, eligible = chosen if chosen else (None, None)
    offsets, ranges = data.draw(score_offsets(n)), data.draw(disjoint_ranges(n))
    rows, scores = scan_int8(
        fenced(query),
        SCALE,
        fenced(codes),
        fenced(scales),
        k,
        offsets=None if offsets is None else fenced(offsets),
        eligible=None if eligible is None else fenced(eligible),
        ranges=ranges,
        isa=isa,
    )
    wanted_rows, wanted_scores = oracle.best(
        oracle.scan_scores(query, SCALE, codes, scales, offsets), k, oracle.within(n, mask, ranges)
    )
    assert rows.dtype == np.int32
    assert scores.dtype == np.float32
    assert rows.tolist() == wanted_rows
    assert scores.tolist() == wanted_scores


@each_isa("scan_i8")
@pytest.mark.parametrize("dim", [64, 100, 128])
@pytest.mark.parametrize("share", [None, 0.05, 0.7])
def test_a_table_larger_than_the_cache(isa: str, dim: int, share: float | None) -> None:
    n = (1 << 20) // 64 + 333
    codes, scales = codes_of(n, dim)
    query = query_of(dim)
    mask = None if share is None else np.random.default_rng(2).random(n) < share
    eligible = None if mask is None else np.packbits(mask, bitorder="little")
    rows, scores = scan_int8(query, SCALE, codes, scales, 200, eligible=eligible, isa=isa)
    all_scores = oracle.scan_scores(query, SCALE, codes, scales)
    if mask is not None:
        all_scores[~mask] = -np.inf
    wanted = np.argsort(-all_scores, kind="stable")[:200]
    assert (rows == wanted).all()
    assert (scores == all_scores[wanted]).all()


def lists(n: int, seed: int) -> NDArray[np.int64]:
    """Three quarters of the rows as ranges of 50 to 300, like the lists of an index."""
    rng = np.random.default_rng(seed)
    stops = np.cumsum(rng.integers(50, 300, n // 175))
    starts = np.concatenate([[0], stops[:-1]])
    ranges = np.stack([starts, stops], 1)[stops <= n]
    return rng.permutation(ranges)[: len(ranges) * 3 // 4].astype(np.int64)


@each_isa("scan_i8")
@pytest.mark.parametrize("dim", [64, 100])
@pytest.mark.parametrize("share", [None, 0.05, 0.7])
def test_lists_larger_than_the_cache(isa: str, dim: int, share: float | None) -> None:
    n = (1 << 20) // 64 * 2
    codes, scales = codes_of(n, dim)
    offsets = np.random.default_rng(4).normal(size=n).astype(np.float32)
    query, ranges = query_of(dim), lists(n, 5)
    mask = None if share is None else np.random.default_rng(2).random(n) < share
    eligible = None if mask is None else np.packbits(mask, bitorder="little")
    rows, scores = scan_int8(
        query, SCALE, codes, scales, 200, offsets=offsets, eligible=eligible, ranges=ranges, isa=isa
    )
    all_scores = oracle.scan_scores(query, SCALE, codes, scales, offsets)
    all_scores[~oracle.within(n, mask, ranges)] = -np.inf
    wanted = np.argsort(-all_scores, kind="stable")[:200]
    assert (rows == wanted).all()
    assert (scores == all_scores[wanted]).all()


@each_isa("scan_i8")
@pytest.mark.parametrize("k", [1, 20, 100, 1000])
def test_ranges_that_overlap_give_rows_of_theirs_at_most_k(isa: str, k: int) -> None:
    codes, scales = codes_of(300, 32)
    ranges = np.array([[10, 200], [0, 0], [100, 290], [10, 290], [10, 290]], np.int64)
    rows, scores = scan_int8(query_of(32), SCALE, codes, scales, k, ranges=ranges, isa=isa)
    all_scores = oracle.scan_scores(query_of(32), SCALE, codes, scales)
    assert len(rows) == min(k, 300)
    assert rows[0] == 10 + np.argmax(all_scores[10:290])
    assert ((rows >= 10) & (rows < 290)).all()
    assert (scores == all_scores[rows]).all()
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("bad", [[2, 1], [-1, 2], [0, 4], [4, 4], [-(2**63), 2**62]])
def test_a_range_outside_the_table_is_refused(bad: list[int]) -> None:
    codes, scales = codes_of(3, 4)
    with pytest.raises(ValueRangeError, match="ranges"):
        scan_int8(query_of(4), SCALE, codes, scales, 1, ranges=np.array([[0, 1], bad], np.int64))


@each_isa("scan_i8")
@pytest.mark.parametrize("dim", [33, 64, 131_071])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_are_exact(isa: str, dim: int, sign: int) -> None:
    codes = np.full((9, dim), 127, np.int8)
    query = np.full(dim, 127 * sign, np.int8)
    rows, scores = scan_int8(query, 1.0, codes, np.ones(9, np.float32), 9, isa=isa)
    assert rows.tolist() == list(range(9))
    assert (scores == np.float32(sign * dim * 127 * 127)).all()


@each_isa("scan_i8")
@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 47, 64, 65])
def test_memory_of_any_alignment(isa: str, dim: int) -> None:
    codes, scales = codes_of(70, dim)
    query = query_of(dim)
    wanted = scan_int8(query, SCALE, codes, scales, 10, isa=isa)
    for offset in (1, 3, 17, 33):
        rows, scores = scan_int8(
            shifted(query, offset), SCALE, shifted(codes, offset), scales, 10, isa=isa
        )
        assert (rows == wanted[0]).all()
        assert (scores == wanted[1]).all()


@each_isa("scan_i8")
def test_ties_across_streams_come_in_order_of_rows(isa: str) -> None:
    n = (1 << 20) // 64 * 2
    codes = np.full((n, 64), 3, np.int8)
    rows, _ = scan_int8(query_of(64), SCALE, codes, np.ones(n, np.float32), 100, isa=isa)
    assert rows.tolist() == list(range(100))


@each_isa("scan_i8")
def test_a_slice_of_a_table_numbers_its_rows(isa: str) -> None:
    codes, scales = codes_of(200, 40)
    query = query_of(40)
    mask = np.random.default_rng(3).random(200) < 0.5
    eligible = np.packbits(mask, bitorder="little")
    rows, scores = scan_int8(
        query,
        SCALE,
        codes[64:],
        scales[64:],
        200,
        eligible=eligible[8:],
        first_row=64,
        isa=isa,
    )
    whole_rows, whole_scores = scan_int8(
        query, SCALE, codes, scales, 200, eligible=eligible, isa=isa
    )
    assert rows.tolist() == whole_rows[whole_rows >= 64].tolist()
    assert scores.tolist() == whole_scores[whole_rows >= 64].tolist()


@each_isa("scan_i8")
def test_read_only_mapped_memory_from_several_threads(isa: str, tmp_path: Path) -> None:
    codes, scales = codes_of(5000, 64)
    codes.tofile(tmp_path / "codes")
    mapped = np.memmap(tmp_path / "codes", np.int8, "r", shape=codes.shape)
    queries = [query_of(64, seed) for seed in range(32)]
    wanted = [scan_int8(query, SCALE, codes, scales, 20, isa=isa) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(
            lambda query: scan_int8(query, SCALE, mapped, scales, 20, isa=isa), queries
        )
    for (rows, scores), (wanted_rows, wanted_scores) in zip(found, wanted, strict=True):
        assert (rows == wanted_rows).all()
        assert (scores == wanted_scores).all()


@each_isa("scan_i8")
@pytest.mark.parametrize("n", [1, 63, 64, 300])
def test_a_score_that_is_nan_is_refused_where_it_is_eligible(isa: str, n: int) -> None:
    codes, scales = codes_of(n, 32)
    for row in {0, n // 2, n - 1}:
        broken = scales.copy()
        broken[row] = np.nan
        with pytest.raises(ValueRangeError, match="NaN"):
            scan_int8(query_of(32), SCALE, codes, broken, 5, isa=isa)
        eligible = np.packbits(np.arange(n) != row, bitorder="little")
        rows, _ = scan_int8(query_of(32), SCALE, codes, broken, 5, eligible=eligible, isa=isa)
        assert row not in rows
        assert len(rows) == min(5, n - 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300])
def test_a_query_scale_that_is_not_finite_and_positive_is_refused(bad: float) -> None:
    codes, scales = codes_of(3, 4)
    with pytest.raises(ValueRangeError, match="query_scale must be finite and positive"):
        scan_int8(query_of(4), bad, codes, scales, 1)


def test_a_query_code_below_the_range_is_refused() -> None:
    codes, scales = codes_of(3, 4)
    with pytest.raises(ValueRangeError, match="got -128"):
        scan_int8(np.array([0, 1, -128, 2], np.int8), SCALE, codes, scales, 1)


@pytest.mark.parametrize("k", [0, -1, 30_001, 10**9, 10**30, 1.5])
def test_a_k_outside_its_range_is_refused(k: int) -> None:
    codes, scales = codes_of(3, 4)
    with pytest.raises((ValueRangeError, LimitExceeded), match="k must be"):
        scan_int8(query_of(4), SCALE, codes, scales, k)


def test_sums_that_could_overflow_are_refused() -> None:
    codes, scales = codes_of(1, 131_072)
    with pytest.raises(LimitExceeded, match="dim must be at most 131071, got 131072"):
        scan_int8(query_of(131_072), SCALE, codes, scales, 1)


def test_row_numbers_that_would_not_fit_are_refused() -> None:
    codes, scales = codes_of(3, 4)
    for number in (2**31 - 3, 2**63, 2**70):
        with pytest.raises(LimitExceeded, match="row numbers"):
            scan_int8(query_of(4), SCALE, codes, scales, 1, first_row=number)
    for number in (-1, -(2**70), 0.5):
        with pytest.raises(ValueRangeError, match="first_row"):
            scan_int8(query_of(4), SCALE, codes, scales, 1, first_row=number)  # type: ignore[arg-type]
    rows, _ = scan_int8(query_of(4), SCALE, codes, scales, 3, first_row=2**31 - 4)
    assert sorted(rows.tolist()) == [2**31 - 4, 2**31 - 3, 2**31 - 2]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("query", np.zeros(5, np.int8)),
        ("query", np.zeros(4, np.uint8)),
        ("query", np.zeros((1, 4), np.int8)),
        ("codes", np.zeros((3, 4), np.float32)),
        ("codes", np.zeros((4, 3), np.int8).T),
        ("scales", np.zeros(4, np.float32)),
        ("scales", np.zeros(3, np.float64)),
        ("offsets", np.zeros(2, np.float32)),
        ("offsets", np.zeros(3, np.float64)),
        ("ranges", np.zeros((1, 2), np.int32)),
        ("ranges", np.zeros((2, 1), np.int64)),
        ("ranges", np.zeros(2, np.int64)),
        ("eligible", np.ones(3, bool)),
        ("eligible", np.ones(2, np.uint8)),
    ],
)
def test_arrays_of_another_kind_are_refused(name: str, bad: NDArray[np.generic]) -> None:
    codes, scales = codes_of(3, 4)
    arguments = {
        "query": query_of(4),
        "query_scale": SCALE,
        "codes": codes,
        "scales": scales,
        "k": 1,
        name: bad,
    }
    with pytest.raises(ShapeError, match=f"{name} must be"):
        scan_int8(**arguments)  # type: ignore[arg-type]


def test_every_refusal_is_one_of_ours() -> None:
    with pytest.raises(EdgerecError):
        scan_int8(None, SCALE, None, None, 1)  # type: ignore[arg-type]
