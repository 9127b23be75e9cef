"""The choice of an index: measured, within the memory, with the evidence kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgerec.errors import InvalidInput, LimitExceeded, ShapeError, ValueRangeError
from edgerec.retrieval.choosing import Choice, choose
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.strategy import Target
from tests.contracts.indexes import snapshot_of

DIM = 16


def clumps(rows: int, *, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, DIM))[rng.integers(40, size=rows)]
    return (x + 0.3 * rng.standard_normal((rows, DIM))).astype(np.float32)


def recall_of(choice: Choice, queries: Any, k: int) -> float:
    exact = ExactIndex(choice.snapshot.segments, choice.snapshot.metric)
    shares = [
        np.isin(exact.search(q, k).rows, choice.index.search(q, k).rows).mean() for q in queries
    ]
    return float(np.mean(shares))


def test_a_quick_scan_needs_no_index() -> None:
    said: list[str] = []
    snapshot = snapshot_of(clumps(500))
    choice = choose(snapshot, Target(k=10, exact_enough_us=1e9), progress=said.append)
    strategy = choice.strategy
    assert choice.snapshot is snapshot
    assert (strategy.kind, strategy.rows, strategy.dim) == ("exact", 500, DIM)
    assert "within" in strategy.reason
    (alone,) = strategy.evidence
    assert alone.recall == 1.0
    assert alone.bytes_an_item == DIM + 4
    assert 0 < alone.median_us <= alone.p90_us
    assert said == ["exact scan of 500 rows"]


def test_without_that_all_are_measured_and_the_figures_agree_with_the_choice() -> None:
    snapshot = snapshot_of(clumps(6000), clumps(60, seed=1))
    choice = choose(snapshot, Target(k=10, recall=0.9, exact_enough_us=0))
    strategy = choice.strategy
    plain = [m for m in strategy.evidence if m.filter == "none"]
    assert {m.kind for m in plain} == {"exact", "sketch", "lists"}
    good = [m for m in plain if m.recall >= 0.9]
    assert all(0 < m.median_us <= m.p90_us for m in strategy.evidence)
    if strategy.kind == "exact":
        assert min(m.median_us for m in good if m.kind == "exact") > 0
    else:
        assert strategy.kind in {m.kind for m in good}
        assert 0 <= strategy.exact_below <= 1
        assert choice.index.kind == strategy.kind


@pytest.mark.parametrize("kind", ["exact", "sketch", "lists"])
@pytest.mark.parametrize("metric", ["inner", "cosine", "l2"])
def test_an_index_that_is_asked_for_is_taken_and_reaches_the_recall(kind: str, metric: Any) -> None:
    vectors = clumps(5000)
    queries = vectors[::10] + 0.2 * clumps(500, seed=2)
    target = Target(k=10, recall=0.9, index=kind)
    choice = choose(snapshot_of(vectors, metric=metric), target, queries=queries[::2])
    assert choice.strategy.kind == choice.index.kind == kind
    assert {m.kind for m in choice.strategy.evidence} == {kind, "exact"}
    assert recall_of(choice, queries[1::2], 10) >= 0.87


@pytest.mark.parametrize("factory", ["IVF{n},SQ8", "HNSW8", "PQ8x4fs", "OPQ2,IVF20,RaBitQ"])
def test_what_faiss_is_asked_for_is_taken_and_reaches_the_recall(factory: str) -> None:
    vectors = clumps(3000)
    queries = vectors[::10] + 0.2 * clumps(300, seed=2)
    snapshot = snapshot_of(vectors, clumps(30, seed=1), delete=["a7"], metric="cosine")
    choice = choose(snapshot, Target(k=10, recall=0.9, index=factory), queries=queries[::2])
    assert choice.strategy.kind == choice.index.kind == "faiss"
    assert {m.kind for m in choice.strategy.evidence} == {"faiss", "exact"}
    assert choice.snapshot.rows == choice.snapshot.live == choice.index.indexed[0] == 3029
    assert choice.index.hot_bytes > 3029 * (DIM + 4)
    assert recall_of(choice, queries[1::2], 10) >= 0.87
    assert factory in str(choice.strategy.settings)


def test_a_catalogue_that_lies_in_one_piece_stays_as_it_is_for_faiss() -> None:
    snapshot = snapshot_of(clumps(300))
    choice = choose(snapshot, Target(k=10, recall=0.5, index="SQ8"))
    assert choice.snapshot is snapshot


def test_an_index_of_faiss_that_does_not_suit_the_rows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="301 lists"):
        choose(snapshot_of(clumps(300)), Target(index="IVF301,SQ8"))
    with pytest.raises(InvalidInput, match="multiple of 5"):
        choose(snapshot_of(clumps(300)), Target(index="PQ5"))


def test_lists_come_with_the_rows_in_their_order_and_without_dead_ones() -> None:
    vectors = clumps(3000)
    snapshot = snapshot_of(vectors, clumps(40, seed=1), delete=["a7", "b3"])
    choice = choose(snapshot, Target(k=10, recall=0.9, index="lists"))
    fresh = choice.snapshot
    assert fresh.generation == snapshot.generation + 1
    assert fresh.rows == fresh.live == 3038
    row = fresh.row("a2999")
    assert row is not None
    assert fresh.vectors_of(np.array([row], np.int32)).tolist() == vectors[2999:].tolist()
    assert fresh.row("a7") is None


def test_memory_is_kept_to() -> None:
    snapshot = snapshot_of(clumps(3000))
    codes = 3000 * (DIM + 4)
    with pytest.raises(LimitExceeded, match="max_memory"):
        choose(snapshot, Target(max_memory=codes - 1))
    tight = choose(snapshot, Target(k=10, exact_enough_us=0, max_memory=codes))
    assert tight.strategy.kind == "exact"
    assert "memory" in tight.strategy.reason
    roomy = choose(snapshot, Target(k=10, recall=0.9, index="sketch", max_memory=2 * codes))
    assert roomy.index.hot_bytes <= 2 * codes


def test_a_recall_that_no_index_reaches_leaves_the_scan() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((40_000, 100)).astype(np.float32)
    queries = rng.standard_normal((20, 100)).astype(np.float32)
    target = Target(k=10_000, recall=1.0, index="sketch")
    choice = choose(snapshot_of(noise), target, queries=queries)
    assert choice.strategy.kind == "exact"
    assert "no sketch" in choice.strategy.reason


@pytest.mark.parametrize("rows", [1, 3, 70, 200])
@pytest.mark.parametrize("kind", ["auto", "sketch", "lists", "HNSW8", "IVF1,Flat"])
def test_a_tiny_catalogue(rows: int, kind: str) -> None:
    target = Target(k=10_000, recall=0.5, exact_enough_us=0, index=kind)
    choice = choose(snapshot_of(clumps(rows)), target)
    assert choice.strategy.evidence[0].recall == 1.0
    hits = choice.index.search(clumps(1)[0], 10_000)
    assert sorted(hits.rows.tolist()) == list(range(rows))


def test_queries_must_fit() -> None:
    snapshot = snapshot_of(clumps(9))
    with pytest.raises(ShapeError, match="queries"):
        choose(snapshot, Target(), queries=np.ones((3, DIM + 1), np.float32))
    with pytest.raises(ValueRangeError, match="queries"):
        choose(snapshot, Target(), queries=np.full((3, DIM), np.nan, np.float32))
    with pytest.raises(ShapeError, match="at least one"):
        choose(snapshot, Target(), queries=np.ones((0, DIM), np.float32))
