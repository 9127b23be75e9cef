"""A budget checks itself, and the name of its metric."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput, ValueRangeError
from edgerec.values.budget import Budget
from edgerec.values.metric import FAMILIES, MetricName


@pytest.mark.parametrize(
    "settings",
    [
        {"margin": -0.1},
        {"margin": 1.0},
        {"margin": float("nan")},
        {"margin": "0.02"},
        {"margin": True},
        {"confidence": 0.5},
        {"confidence": 1.0},
        {"confidence": None},
        {"p99_ms": 0.0},
        {"p99_ms": float("inf")},
        {"p99_ms": True},
        {"size_bytes": 0},
        {"size_bytes": float("nan")},
        {"size_bytes": 10.0},
        {"threads": 0},
        {"threads": 2.0},
        {"threads": True},
        {"threads": None},
    ],
)
def test_a_budget_checks_itself(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueRangeError, match=next(iter(settings))):
        Budget(**settings)


def test_a_budget_survives_json() -> None:
    budget = Budget(metric="mrr@5", margin=0, p99_ms=2, size_bytes=10)
    assert Budget(**budget.to_dict()) == budget


@given(st.sampled_from(FAMILIES), st.integers(1, 10_000))
def test_a_metrics_name_reads_as_it_is_written(family: str, depth: int) -> None:
    assert MetricName.parse(f"{family}@{depth}") == MetricName(family, depth)
    assert str(MetricName(family, depth)) == f"{family}@{depth}"


@pytest.mark.parametrize(
    "name",
    [
        "ndcg",
        "ndcg@",
        "ndcg@0",
        "ndcg@-1",
        "ndcg@01",
        "ndcg@10001",
        "ndcg@²",
        "ndcg@１０",
        "ndcg@10\n",
        "auc@10",
        "",
        None,
        10,
    ],
)
def test_an_unknown_metric_is_refused_and_the_known_ones_named(name: Any) -> None:
    with pytest.raises(InvalidInput, match="ndcg@k"):
        MetricName.parse(name)
    with pytest.raises(InvalidInput, match="ndcg@k"):
        Budget(metric=name)
