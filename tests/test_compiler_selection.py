"""The choice: cheapest inside the budget, ties to what changes least, and what was missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.compiler.selection import TIE, broken_constraint, choose, nearest, preferred
from edgerec.errors import NothingFeasible
from edgerec.values.budget import Budget
from edgerec.values.plan import Precision, Status, Trial, Variant
from tests.strategies.plans import MEASURED, variants


@given(st.dictionaries(variants, st.floats(0.01, 10), max_size=12))
def test_the_first_is_the_cheapest_or_ties_with_it_and_changes_less(
    costs: dict[Variant, float],
) -> None:
    order = preferred(costs)
    assert sorted(order, key=str) == sorted(costs, key=str)
    if not order:
        return
    cheapest = min(costs.values())
    assert costs[order[0]] <= TIE * cheapest
    tied = [variant for variant in costs if costs[variant] <= TIE * cheapest]
    if any(variant.precision is Precision.FP32 for variant in tied):
        assert order[0].precision is Precision.FP32
    beyond = [costs[variant] for variant in order[len(tied) :]]
    assert beyond == sorted(beyond)


def test_constraints_are_named() -> None:
    assert broken_constraint(MEASURED, Budget()) is None
    assert broken_constraint(MEASURED, Budget(p99_ms=0.9)) is None
    latency = broken_constraint(MEASURED, Budget(p99_ms=0.5))
    assert latency is not None
    assert latency[0] is Status.LATENCY
    assert "0.5 ms" in latency[1]
    size = broken_constraint(MEASURED, Budget(size_bytes=999))
    assert size is not None
    assert size[0] is Status.SIZE


def test_nothing_feasible_names_the_nearest_and_the_budget_it_would_meet() -> None:
    near = Trial(Variant("openvino", Precision.FP32), Status.LATENCY, "too slow", MEASURED)
    far = replace(near, variant=Variant("onnxruntime", Precision.INT8))
    far = replace(far, measured=replace(MEASURED, p99_us=9000.0))
    error = nearest([far, near], Budget(p99_ms=0.5))
    assert isinstance(error, NothingFeasible)
    assert error.exit_code == 5
    assert "openvino fp32" in str(error)
    assert "p99_ms 0.900" in str(error)
    nothing = str(nearest([replace(near, measured=None)], Budget()))
    assert "no variant ran" in nothing
    assert "openvino fp32: too slow" in nothing


@pytest.mark.parametrize(
    ("variant", "cost", "words"),
    [
        (Variant("openvino", Precision.FP32), 0.101, "as cheap as openvino fp32; fine"),
        (Variant("openvino", Precision.INT8), 0.101, "int8 and changes less; fine"),
        (Variant("openvino", Precision.FP32, 0.5), 0.1, "50% width and changes less; fine"),
        (Variant("openvino", Precision.FP32), 0.2, "2.00x cheaper than openvino fp32; fine"),
    ],
)
def test_the_reason_says_what_is_so(variant: Variant, cost: float, words: str) -> None:
    winner = Trial(Variant("onnxruntime", Precision.FP32), Status.FEASIBLE, "fine", MEASURED)
    other = Trial(variant, Status.FEASIBLE, "fine", replace(MEASURED, cpu_s_per_1000=cost))
    chosen, left = choose([winner, other], winner)
    assert chosen.status is Status.CHOSEN
    assert chosen.reason.endswith(words)
    assert left is other
    (alone,) = choose([winner], winner)
    assert alone.reason == "the only one inside the budget; fine"
