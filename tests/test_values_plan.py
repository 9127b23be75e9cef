"""A plan travels as JSON, and one that makes no sense is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgerec.errors import BundleCorruptError, ValueRangeError
from edgerec.values.budget import Budget
from edgerec.values.plan import Plan, Precision, Status, Trial, Variant
from tests.strategies.plans import MEASURED

TRIALS = (
    Trial(Variant("onnxruntime", Precision.FP32), Status.FEASIBLE, "ok", MEASURED),
    Trial(Variant("openvino", Precision.INT8, 0.5), Status.CHOSEN, "cheap", MEASURED),
    Trial(Variant("openvino", Precision.INT8), Status.UNSUPPORTED, "no such operator"),
)
PLAN = Plan("ranker", Budget(), TRIALS, "cpu", ("avx2", "scalar"), 2, {"openvino": "1"})


def test_a_plan_survives_json() -> None:
    assert Plan.from_dict(json.loads(json.dumps(PLAN.to_dict()))) == PLAN
    assert PLAN.chosen is TRIALS[1]
    assert PLAN.original is TRIALS[0]
    assert PLAN.runners_up == (TRIALS[0],)


@pytest.mark.parametrize(
    "change",
    [
        {"trials": [{"variant": {}}]},
        {"trials": []},
        {"trials": None},
        {"budget": {"margin": 3.0}},
        {"budget": {"margins": 0.1}},
    ],
)
def test_what_is_no_plan_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BundleCorruptError, match="not a plan"):
        Plan.from_dict({**PLAN.to_dict(), **change})


@pytest.mark.parametrize("trials", [TRIALS[:1], TRIALS[1:], (*TRIALS, TRIALS[1]), ()])
def test_a_plan_has_one_choice_and_the_original(trials: tuple[Trial, ...]) -> None:
    with pytest.raises(ValueRangeError, match="one chosen"):
        replace(PLAN, trials=trials)
