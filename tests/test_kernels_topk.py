"""Top-k: the total order, filters, buffers of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import InvalidInput, LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.topk import top_k
from tests.oracles import kernels as oracle
from tests.strategies.arrays import bitmaps, fenced, lengths
from tests.strategies.isas import each_isa

Filter = tuple[NDArray[np.bool_], NDArray[np.uint8]] | None


@st.composite
def score_vectors(draw: st.DrawFn) -> NDArray[np.float32]:
    """Random, few values (ties), ascending (the worst case), descending, with infinities."""
    n = draw(lengths(8, 32, most=1000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["random", "ties", "up", "down", "infinite", "equal"]))
    scores = rng.normal(size=n).astype(np.float32)
    if kind == "ties":
        scores = rng.integers(-1, 2, n).astype(np.float32) * rng.choice([-1, 1], n)
    if kind in ("up", "down"):
        scores = np.sort(scores)[:: 1 if kind == "up" else -1]
    if kind == "infinite":
        scores[rng.random(n) < 0.1] = np.inf
        scores[rng.random(n) < 0.1] = -np.inf
    if kind == "equal":
        scores[:] = -0.0
    return np.ascontiguousarray(scores, np.float32)


@each_isa("topk_f32")
@settings(deadline=None)
@given(
    data=st.data(), scores=score_vectors(), k=st.sampled_from([1, 2, 10, 65, 200, 10_000, 30_000])
)
def test_every_isa_equals_a_sort(
    isa: str, data: st.DataObject, scores: NDArray[np.float32], k: int
) -> None:
    chosen: Filter = data.draw(bitmaps(len(scores)))
    mask, eligible = chosen if chosen else (None, None)
    rows, values = top_k(
        fenced(scores), k, eligible=None if eligible is None else fenced(eligible), isa=isa
    )
    wanted_rows, wanted_values = oracle.best(scores, k, mask)
    assert rows.dtype == np.int32
    assert values.dtype == np.float32
    assert rows.tolist() == wanted_rows
    assert values.tolist() == wanted_values
    assert not np.signbit(values[values == 0]).any()


@each_isa("topk_f32")
@pytest.mark.parametrize("k", [1, 63, 64, 65, 100, 5000, 9999, 30_000])
@pytest.mark.parametrize("order", ["random", "up", "far apart", "combed"])
def test_many_scores(isa: str, k: int, order: str) -> None:
    rng = np.random.default_rng(k)
    scores = rng.normal(size=50_000).astype(np.float32)
    if order == "up":
        scores = np.sort(scores)
    if order == "far apart":
        scores = np.ldexp(scores, rng.integers(-90, 90, scores.size)).astype(np.float32)
    if order == "combed":  # wherever a sample may look, it sees the best ones
        scores[:: max(k // 32, 1)] += 10
    rows, values = top_k(scores, k, isa=isa)
    wanted = np.argsort(-scores, kind="stable")[:k]
    assert (rows == wanted).all()
    assert (values == scores[wanted]).all()


@each_isa("topk_f32")
@pytest.mark.parametrize("n", [16_383, 16_384, 20_000, 40_961])
@pytest.mark.parametrize("share", [0.03, 0.5, 1.0])
@pytest.mark.parametrize("order", ["random", "up", "ties"])
def test_many_scores_under_a_filter(isa: str, n: int, share: float, order: str) -> None:
    rng = np.random.default_rng(n)
    scores = rng.normal(size=n).astype(np.float32)
    scores = {"up": np.sort(scores), "ties": np.round(scores)}.get(order, scores)
    mask = rng.random(n) < share
    rows, values = top_k(scores, 60, eligible=np.packbits(mask, bitorder="little"), isa=isa)
    wanted = np.argsort(np.where(mask, -scores, np.inf), kind="stable")[:60]
    assert (rows == wanted).all()
    assert (values == scores[wanted]).all()


@each_isa("topk_f32")
def test_nan_is_refused_where_it_is_eligible(isa: str) -> None:
    for row in range(45):
        scores = np.arange(45, dtype=np.float32)
        scores[row] = np.nan
        with pytest.raises(ValueRangeError, match="NaN"):
            top_k(scores, 3, isa=isa)
        mask = np.arange(45) != row
        rows, _ = top_k(scores, 3, eligible=np.packbits(mask, bitorder="little"), isa=isa)
        assert rows.tolist() == oracle.best(scores, 3, mask)[0]


@pytest.mark.parametrize(
    ("k", "error"),
    [
        (0, ValueRangeError),
        (-1, ValueRangeError),
        (30_001, LimitExceeded),
        (10**9, LimitExceeded),
        (10**30, LimitExceeded),
        (2.0, ValueRangeError),
        ("3", ValueRangeError),
        (None, ValueRangeError),
    ],
)
def test_a_k_outside_its_range_is_refused(k: int, error: type[InvalidInput]) -> None:
    with pytest.raises(error, match="k must be"):
        top_k(np.zeros(3, np.float32), k)


def test_an_integer_of_numpy_is_a_k() -> None:
    assert len(top_k(np.zeros(5, np.float32), np.int64(2))[0]) == 2  # type: ignore[arg-type]


def test_arrays_of_another_kind_are_refused() -> None:
    scores = np.zeros(9, np.float32)
    with pytest.raises(ShapeError, match=r"scores.*float64"):
        top_k(scores.astype(np.float64), 1)
    with pytest.raises(ShapeError, match=r"scores.*another layout"):
        top_k(np.zeros(18, np.float32)[::2], 1)
    with pytest.raises(ShapeError, match=r"eligible.*\(2,\), got bool of shape \(9,\)"):
        top_k(scores, 1, eligible=np.ones(9, bool))
    for n_bytes in (1, 3):
        with pytest.raises(ShapeError, match=rf"eligible.*\(2,\), got uint8 of shape \({n_bytes},"):
            top_k(scores, 1, eligible=np.zeros(n_bytes, np.uint8))
