"""Scores of chosen int8 rows: those of the exhaustive search, for rows in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.rerank import int8_products
from edgerec.kernels.scan import scan_int8
from tests.oracles import kernels as oracle
from tests.strategies.arrays import code_rows, fenced, lengths, positive_scales, shifted
from tests.strategies.isas import each_isa

SCALE = np.float32(0.02)


def table_of(n: int, dim: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    rng = np.random.default_rng(n)
    return rng.integers(-127, 128, (n, dim), np.int8), rng.uniform(0.01, 0.02, n).astype(np.float32)


def query_of(dim: int) -> NDArray[np.int8]:
    return np.random.default_rng(dim).integers(-127, 128, dim, np.int8)


@each_isa("inner_i8")
@settings(deadline=None)
@given(
    data=st.data(),
    n=st.integers(1, 50),
    m=lengths(4, 24, most=80),
    dim=lengths(16, 32, 64, most=200),
    with_offsets=st.booleans(),
)
def test_every_isa_equals_the_definition(
    isa: str, data: st.DataObject, n: int, m: int, dim: int, with_offsets: bool
) -> None:
    codes = data.draw(code_rows(n, dim))
    query = data.draw(code_rows(1, dim))[0]
    scales = data.draw(positive_scales(n))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    rows = rng.integers(0, n, m).astype(np.int32)
    offsets = rng.normal(size=n).astype(np.float32) * np.float32(100) if with_offsets else None
    scores = int8_products(
        fenced(query),
        SCALE,
        fenced(codes),
        fenced(scales),
        fenced(rows),
        offsets=None if offsets is None else fenced(offsets),
        isa=isa,
    )
    wanted = oracle.scan_scores(query, SCALE, codes, scales)
    if offsets is not None:
        wanted = wanted + offsets
    assert scores.dtype == np.float32
    assert scores.tobytes() == wanted[rows].tobytes()


@each_isa("inner_i8")
def test_the_scores_are_those_of_a_scan(isa: str) -> None:
    codes, scales = table_of(3000, 96)
    query = query_of(96)
    rows, wanted = scan_int8(query, SCALE, codes, scales, 500)
    scores = int8_products(query, SCALE, codes, scales, rows, isa=isa)
    assert scores.tobytes() == wanted.tobytes()


@each_isa("inner_i8")
@pytest.mark.parametrize("dim", [33, 64, 131_071])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_are_exact(isa: str, dim: int, sign: int) -> None:
    codes = np.full((5, dim), 127, np.int8)
    query = np.full(dim, 127 * sign, np.int8)
    rows = np.array([4, 0, 4, 2, 1, 3], np.int32)
    scores = int8_products(query, 1.0, codes, np.ones(5, np.float32), rows, isa=isa)
    assert (scores == np.float32(sign * dim * 127 * 127)).all()


@each_isa("inner_i8")
@pytest.mark.parametrize("dim", [1, 31, 32, 47, 64, 65])
def test_memory_of_any_alignment(isa: str, dim: int) -> None:
    codes, scales = table_of(70, dim)
    query = query_of(dim)
    rows = np.random.default_rng(0).permutation(70).astype(np.int32)
    wanted = oracle.scan_scores(query, SCALE, codes, scales)[rows]
    for offset in (1, 3, 17, 33):
        scores = int8_products(
            shifted(query, offset), SCALE, shifted(codes, offset), scales, rows, isa=isa
        )
        assert (scores == wanted).all()


@each_isa("inner_i8")
@pytest.mark.parametrize("row", [-1, 4, 2**31 - 1, -(2**31)])
def test_a_row_outside_the_table_is_refused(isa: str, row: int) -> None:
    codes, scales = table_of(4, 8)
    rows = np.array([0, 3, row, 1, -7], np.int32)
    with pytest.raises(ValueRangeError, match=rf"rows\[2\] must lie in \[0, 4\), got {row}"):
        int8_products(query_of(8), SCALE, codes, scales, rows, isa=isa)


def test_an_empty_table_has_no_rows() -> None:
    codes, scales = table_of(0, 8)
    assert int8_products(query_of(8), SCALE, codes, scales, np.empty(0, np.int32)).size == 0
    with pytest.raises(ValueRangeError, match=r"rows\[0\]"):
        int8_products(query_of(8), SCALE, codes, scales, np.zeros(1, np.int32))


@each_isa("inner_i8")
def test_a_score_that_is_nan_is_refused_with_its_row(isa: str) -> None:
    codes, scales = table_of(40, 32)
    rows = np.arange(40, dtype=np.int32)[::-1].copy()
    broken, offsets = scales.copy(), np.zeros(40, np.float32)
    broken[17] = offsets[17] = np.nan
    with pytest.raises(ValueRangeError, match="row 17 is NaN"):
        int8_products(query_of(32), SCALE, codes, broken, rows, isa=isa)
    with pytest.raises(ValueRangeError, match="row 17 is NaN"):
        int8_products(query_of(32), SCALE, codes, scales, rows, offsets=offsets, isa=isa)
    int8_products(query_of(32), SCALE, codes, broken, rows[rows != 17], isa=isa)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_a_query_scale_that_is_not_finite_and_positive_is_refused(bad: float) -> None:
    codes, scales = table_of(3, 4)
    with pytest.raises(ValueRangeError, match="query_scale must be finite and positive"):
        int8_products(query_of(4), bad, codes, scales, np.zeros(1, np.int32))


def test_codes_and_widths_beyond_the_exact_range_are_refused() -> None:
    codes, scales = table_of(1, 4)
    rows = np.zeros(1, np.int32)
    with pytest.raises(ValueRangeError, match="got -128"):
        int8_products(np.array([0, 1, -128, 2], np.int8), SCALE, codes, scales, rows)
    wide = np.zeros((1, 131_072), np.int8)
    with pytest.raises(LimitExceeded, match="dim must be at most 131071, got 131072"):
        int8_products(wide[0], SCALE, wide, scales, rows)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("query", np.zeros(5, np.int8)),
        ("codes", np.zeros((3, 4), np.uint8)),
        ("codes", np.zeros((4, 3), np.int8).T),
        ("scales", np.zeros(4, np.float32)),
        ("offsets", np.zeros(4, np.float32)),
        ("offsets", np.zeros(3, np.float64)),
        ("rows", np.zeros(1, np.int64)),
    ],
)
def test_arrays_of_another_kind_are_refused(name: str, bad: NDArray[np.generic]) -> None:
    codes, scales = table_of(3, 4)
    arguments = {
        "query": query_of(4),
        "query_scale": SCALE,
        "codes": codes,
        "scales": scales,
        "rows": np.zeros(1, np.int32),
        name: bad,
    }
    with pytest.raises(ShapeError, match=f"{name} must be"):
        int8_products(**arguments)  # type: ignore[arg-type]
