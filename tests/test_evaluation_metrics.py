"""Metrics agree with their definitions, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput
from edgerec.evaluation.metrics import metric, ranks_of
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


@pytest.mark.parametrize("name", ["ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "auc@10", ""])
def test_an_unknown_metric_is_refused_and_the_known_ones_named(name: str) -> None:
    with pytest.raises(InvalidInput, match="ndcg@k"):
        metric(name)
