"""Metrics agree with their definitions, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.evaluation.metrics import metric, ranks_of, worst_ranks
from tests.oracles import metrics as oracle

rankings = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0]), st.sampled_from([0.0, 0.0, 1.0, 2.0])),
    min_size=1,
    max_size=30,
)


@given(rankings, st.integers(1, 12), st.sampled_from(["ndcg", "recall", "mrr"]))
def test_a_metric_equals_its_definition(rows: list[tuple[float, float]], k: int, name: str) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    gains = np.array([gain for _, gain in rows], np.float32)
    wanted = np.flatnonzero(gains > 0)
    value = metric(f"{name}@{k}")(ranks_of(scores, wanted), gains[wanted])
    assert value == pytest.approx(
        getattr(oracle, name)(scores.tolist(), gains.tolist(), k), abs=1e-9
    )


@given(rankings)
def test_hit_rate_is_recall_of_any(rows: list[tuple[float, float]]) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    gains = np.array([gain for _, gain in rows], np.float32)
    wanted = np.flatnonzero(gains > 0)
    hit = metric("hit_rate@3")(ranks_of(scores, wanted), gains[wanted])
    assert hit == float(oracle.recall(scores.tolist(), gains.tolist(), 3) > 0)


@given(rankings)
def test_worst_ranks_are_the_worst_of_all_orders_of_ties(rows: list[tuple[float, float]]) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    gains = np.array([gain for _, gain in rows], np.float32)
    wanted = gains > 0
    worst = metric("ndcg@5")(worst_ranks(scores, gains)[wanted], gains[wanted])
    shuffled = sorted(range(len(rows)), key=lambda row: (-scores[row], gains[row]))
    assert worst == pytest.approx(
        oracle.ndcg([-float(place) for place in range(len(rows))], gains[shuffled].tolist(), 5)
    )
    for order in (np.arange(len(rows)), np.arange(len(rows))[::-1]):
        found = np.flatnonzero(gains[order] > 0)
        any_order = metric("ndcg@5")(ranks_of(scores[order], found), gains[order][found])
        assert worst <= any_order + 1e-9


def test_a_model_that_scores_all_alike_is_not_perfect_because_the_wanted_come_first() -> None:
    gains = np.array([2, 1, 0, 0, 0], np.float32)
    ranks = worst_ranks(np.zeros(5, np.float32), gains)
    assert ranks.tolist() == [5, 4, 1, 2, 3]


def test_nan_counts_against_what_is_wanted() -> None:
    scores = np.array([np.nan, 1.0, np.nan, -np.inf], np.float32)
    assert ranks_of(scores, np.arange(4)).tolist() == [4, 3, 4, 4]
    nothing = np.full(6, np.nan, np.float32)
    assert metric("hit_rate@5")(ranks_of(nothing, np.array([0])), np.ones(1, np.float32)) == 0.0
