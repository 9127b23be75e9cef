"""The strategy: chosen by measuring, with the evidence kept."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edgerec.errors import BundleCorruptError, InvalidInput, ShapeError, ValueRangeError
from edgerec.retrieval.strategy import Measured, Strategy, Target, choose
from tests.contracts.indexes import snapshot_of

DIM = 8


def clustered(rows: int) -> Any:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, DIM))[rng.integers(20, size=rows)]
    return (x + 0.1 * rng.standard_normal((rows, DIM))).astype(np.float32)


def test_a_quick_scan_needs_no_index() -> None:
    said: list[str] = []
    strategy, index = choose(
        snapshot_of(clustered(500)), Target(k=10, exact_enough_us=1e9), progress=said.append
    )
    assert index is None
    assert (strategy.kind, strategy.rows, strategy.dim) == ("exact", 500, DIM)
    assert "within" in strategy.reason
    (alone,) = strategy.evidence
    assert alone.recall == 1.0
    assert 0 < alone.median_us <= alone.p90_us
    assert said == ["exact scan of 500 rows"]


def test_without_that_both_are_measured_and_the_figures_agree_with_the_choice() -> None:
    snapshot = snapshot_of(clustered(4000), clustered(60))
    strategy, index = choose(snapshot, Target(k=10, recall=0.9, exact_enough_us=0))
    lists = [m for m in strategy.evidence if m.kind == "ivf" and m.selectivity == 1]
    good = [m for m in lists if m.recall >= 0.9]
    scan = [m for m in strategy.evidence if m.kind == "exact" and m.selectivity == 1][-1]
    assert sorted({m.probes for m in lists}) == [m.probes for m in lists]
    if strategy.kind == "ivf":
        assert index is not None
        assert (index.rows, len(index.lists)) == (4060, strategy.lists)
        best = min(good, key=lambda m: m.median_us)
        assert best.median_us < scan.median_us
        assert strategy.probes == best.probes
        assert 0 < strategy.exact_below <= 1
    else:
        assert index is None
        assert not good or min(m.median_us for m in good) >= scan.median_us


def test_a_recall_that_probing_cannot_reach_leaves_the_scan() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((20_000, 32)).astype(np.float32)
    queries = rng.standard_normal((100, 32)).astype(np.float32)
    strategy, index = choose(
        snapshot_of(noise), Target(k=100, recall=1.0, exact_enough_us=0), queries=queries
    )
    if strategy.kind == "exact":  # else 256 of 566 lists happened to hold all of the best 100
        assert index is None
        assert "FAISS" in strategy.reason


def test_the_exact_scan_is_measured_against_the_originals() -> None:
    strategy, _ = choose(snapshot_of(clustered(3000)), Target(k=100))
    assert strategy.evidence[0].recall >= 0.999


def test_a_tiny_catalogue() -> None:
    for rows in (1, 3, 9):
        strategy, _ = choose(
            snapshot_of(clustered(rows)), Target(k=10_000, recall=0.5, exact_enough_us=0)
        )
        assert strategy.evidence[0].recall == 1.0


def test_queries_must_fit() -> None:
    with pytest.raises(ShapeError, match="query"):
        choose(snapshot_of(clustered(9)), Target(), queries=np.ones((3, DIM + 1), np.float32))


EVIDENCE = Measured("ivf", 8, 0.5, 0.99, 61.0, 80.5)
STRATEGY = Strategy(
    "ivf", 9, 4, Target(), "why", lists=16, probes=8, exact_below=0.1, evidence=(EVIDENCE,)
)


def test_a_strategy_survives_json() -> None:
    assert Strategy.from_dict(json.loads(json.dumps(STRATEGY.to_dict()))) == STRATEGY


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "hnsw"},
        {"probes": 0},
        {"probes": 17},
        {"probes": 2.5},
        {"lists": "16"},
        {"exact_below": "0.1"},
        {"exact_below": 1.5},
        {"target": {"k": 0}},
        {"target": 5},
        {"evidence": [{"kind": "ivf"}]},
        {"evidence": None},
        {"colour": "red"},
    ],
)
def test_what_is_no_strategy_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BundleCorruptError, match="strategy"):
        Strategy.from_dict(STRATEGY.to_dict() | change)


@pytest.mark.parametrize(
    "wrong",
    [{"k": 0}, {"k": True}, {"recall": 0.0}, {"recall": 1.1}, {"exact_enough_us": float("nan")}],
)
def test_a_target_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueRangeError):
        Target(**wrong)
    assert issubclass(ValueRangeError, InvalidInput)
