"""Exact products: one order of the sum, float32 and float16, rows within bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.kernels.rerank import cosines, inner_products, squared_distances
from tests.oracles import kernels as oracle
from tests.strategies.arrays import fenced, lengths
from tests.strategies.isas import each_isa


@each_isa("inner_f32", "inner_f16")
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@settings(deadline=None)
@given(
    n=st.integers(1, 20),
    m=st.integers(0, 20),
    dim=lengths(8, 16, most=100),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_isa_equals_the_definition(
    isa: str, dtype: type[np.floating], n: int, m: int, dim: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    query = rng.normal(size=dim).astype(np.float32)
    vectors = (rng.normal(size=(n, dim)) * 10.0 ** rng.integers(-8, 4, (n, 1))).astype(dtype)
    rows = rng.integers(0, n, m).astype(np.int32)
    products = inner_products(fenced(query), fenced(vectors), fenced(rows), isa=isa)
    assert products.tobytes() == oracle.inner_products(query, vectors, rows).tobytes()
    close = vectors[rows].astype(np.float64) @ query.astype(np.float64)
    size = np.abs(vectors[rows].astype(np.float64)) @ np.abs(query.astype(np.float64))
    assert (np.abs(products - close) <= 1e-6 * size + 1e-30).all()


@each_isa("inner_f16")
def test_every_finite_half_is_widened_exactly(isa: str) -> None:
    patterns = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = patterns[np.isfinite(patterns)].reshape(-1, 1)
    rows = np.arange(len(halves), dtype=np.int32)
    products = inner_products(np.ones(1, np.float32), halves, rows, isa=isa)
    assert (products == halves[:, 0].astype(np.float32)).all()


@each_isa("inner_f32")
@pytest.mark.parametrize("row", [-1, 4, 2**31 - 1, -(2**31)])
def test_a_row_outside_the_table_is_refused(isa: str, row: int) -> None:
    rows = np.array([0, 3, row, 1], np.int32)
    with pytest.raises(ValueRangeError, match=rf"rows\[2\] must lie in \[0, 4\), got {row}"):
        inner_products(np.ones(3, np.float32), np.ones((4, 3), np.float32), rows, isa=isa)


@each_isa("inner_f32", "inner_f16")
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_product_that_is_not_finite_is_refused(
    isa: str, dtype: type[np.floating], bad: float
) -> None:
    vectors = np.ones((4, 17), dtype)
    vectors[2, 16] = bad
    rows = np.array([3, 2], np.int32)
    with pytest.raises(ValueRangeError, match="row 2 is"):
        inner_products(np.ones(17, np.float32), vectors, rows, isa=isa)
    with pytest.raises(ValueRangeError, match="row 3 is"):
        inner_products(np.full(17, bad, np.float32), vectors, rows, isa=isa)


def test_arrays_of_another_kind_are_refused() -> None:
    query, vectors = np.ones(3, np.float32), np.ones((4, 3), np.float32)
    rows = np.zeros(2, np.int32)
    for arguments, name in [
        ((query.astype(np.float64), vectors, rows), "query"),
        ((query[:2], vectors, rows), "query"),
        ((query, vectors.astype(np.float64), rows), "vectors"),
        ((query, vectors.T, rows), "vectors"),
        ((query, vectors, rows.astype(np.int64)), "rows"),
    ]:
        with pytest.raises(ShapeError, match=f"{name} must be"):
            inner_products(*arguments)  # type: ignore[arg-type]


@each_isa("cosine_f32", "cosine_f16", "l2_f32", "l2_f16")
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@settings(deadline=None)
@given(
    n=st.integers(1, 20),
    m=st.integers(0, 40),
    dim=lengths(8, 16, most=100),
    seed=st.integers(0, 2**32 - 1),
)
def test_cosines_and_distances_equal_their_definitions(
    isa: str, dtype: type[np.floating], n: int, m: int, dim: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    query = rng.normal(size=dim).astype(np.float32)
    vectors = (rng.normal(size=(n, dim)) * 10.0 ** rng.integers(-8, 4, (n, 1))).astype(dtype)
    vectors[rng.random(n) < 0.1] = 0
    rows = rng.integers(0, n, m).astype(np.int32)
    places = (fenced(query), fenced(vectors), fenced(rows))
    angles = cosines(*places, isa=isa)
    assert angles.tobytes() == oracle.cosines(query, vectors, rows).tobytes()
    distances = squared_distances(*places, isa=isa)
    assert distances.tobytes() == oracle.squared_distances(query, vectors, rows).tobytes()
    picked, asked = vectors[rows].astype(np.float64), query.astype(np.float64)
    close = ((picked - asked) ** 2).sum(1)
    assert (np.abs(distances - close) <= 1e-5 * close + 1e-30).all()
    length = np.sqrt((picked**2).sum(1)) * np.sqrt((asked**2).sum())
    usual = length > 1e-6
    assert np.allclose(angles[usual], (picked @ asked)[usual] / length[usual], atol=1e-5)
    assert (np.abs(angles) <= 1 + 1e-5).all()


@each_isa("cosine_f32", "l2_f32")
def test_a_vector_of_zeros_has_cosine_zero(isa: str) -> None:
    zeros, ones = np.zeros(20, np.float32), np.ones((2, 20), np.float32)
    rows = np.array([0, 1], np.int32)
    ones[1] = 0
    assert cosines(zeros, ones, rows, isa=isa).tolist() == [0, 0]
    assert np.allclose(cosines(ones[0].copy(), ones, rows, isa=isa), [1, 0])
    assert squared_distances(zeros, ones, rows, isa=isa).tolist() == [20, 0]


@each_isa("cosine_f32", "l2_f32")
@pytest.mark.parametrize("measure", [cosines, squared_distances])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_lengths_and_distances_that_overflow_are_refused(
    isa: str, measure: Callable[..., object], bad: float
) -> None:
    vectors = np.ones((4, 17), np.float32)
    vectors[2, 16] = bad
    rows = np.array([3, 2], np.int32)
    query = np.ones(17, np.float32)
    with pytest.raises(ValueRangeError, match="row 2 is"):
        measure(query, vectors, rows, isa=isa)
    with pytest.raises(ValueRangeError, match="row 3 is"):
        measure(np.full(17, bad, np.float32), vectors, rows, isa=isa)
    with pytest.raises(ValueRangeError, match=r"rows\[1\] must lie in \[0, 4\)"):
        measure(query, vectors, np.array([0, 4], np.int32), isa=isa)
