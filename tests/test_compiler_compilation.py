"""Compilation: what confirms stays unseen, one bad variant ends nothing, bad arguments are said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgerec.backends.registry import backend
from edgerec.compiler.compilation import compile as compile_bundle
from edgerec.compiler.compilation import compile_model
from edgerec.compiler.search import Search, steps
from edgerec.compiler.trial import P99_SAMPLES
from edgerec.compiler.variants import Space
from edgerec.errors import (
    EngineClosed,
    NothingFeasible,
    ShapeError,
    ValueRangeError,
)
from edgerec.evaluation.task import RankingTask, Run
from edgerec.graph.metadata import read_signature
from edgerec.values.budget import Budget
from edgerec.values.examples import Examples
from edgerec.values.model import Model
from edgerec.values.plan import Precision, Status, Variant
from edgerec.values.signature import Arrays
from tests.small_shop import DIM, make_models

CANDIDATES = 12
BUDGET = Budget(margin=0.2)


@pytest.fixture(scope="module")
def ranker() -> Model:
    graph = make_models()["ranker"]
    signature = read_signature(graph)
    assert signature is not None
    return Model("ranker", graph, signature)


def requests(model: Model, count: int, seed: int = 0) -> Examples:
    """Candidates of which the model's own best is wanted."""
    rng = np.random.default_rng(seed)
    rows = count * CANDIDATES
    inputs = {
        "user": rng.normal(size=(count, DIM)).astype(np.float32),
        "query": rng.normal(size=(count, DIM)).astype(np.float32),
        "item": rng.normal(size=(rows, DIM)).astype(np.float32),
        "item_dense": rng.normal(size=(rows, 2)).astype(np.float32),
        "pair": rng.normal(size=(rows, 8)).astype(np.float32),
    }
    examples = Examples(
        inputs=inputs,
        roles=Examples.roles_of(model.signature),
        offsets=np.arange(0, rows + 1, CANDIDATES),
        labels=np.ones(rows, np.float32),
    )
    session = backend("onnxruntime").open(model.graph, model.signature)
    labels = np.concatenate(
        [(s == s.max()).astype(np.float32) for s in (session.run(e)["score"] for e in examples)]
    )
    session.close()
    return Examples(inputs, examples.roles, examples.offsets, labels)


@pytest.fixture(scope="module")
def examples(ranker: Model) -> Examples:
    return requests(ranker, 80)


def test_what_ships_was_confirmed_and_the_plan_says_both_differences(
    ranker: Model, examples: Examples
) -> None:
    said: list[str] = []
    compiled = compile_model(
        ranker,
        calibration=requests(ranker, 8, seed=1),
        evaluation=examples,
        budget=BUDGET,
        progress=said.append,
    )
    plan = compiled.plan
    assert len(said) <= steps(Space())
    assert next(iter(compiled.models)) == plan.chosen.variant
    trials = {trial.variant: trial for trial in plan.trials}
    for variant in compiled.models:
        measured = trials[variant].measured
        assert measured is not None
        assert measured.confirmed
        if variant != plan.original.variant:
            assert " confirmed, " in trials[variant].reason
            assert trials[variant].reason.endswith("different requests")
    assert plan.original.measured is not None
    assert plan.original.measured.confirmed
    for trial in plan.trials:
        if trial.status is Status.FEASIBLE and trial.variant not in compiled.models:
            assert "does not ship" in trial.reason


def test_what_calibrates_and_judges_alike_is_seen_by_halves_only(
    ranker: Model, examples: Examples
) -> None:
    alike = compile_model(ranker, calibration=examples, evaluation=examples, budget=BUDGET)
    half = examples.take(np.arange(0, examples.requests, 2))
    apart = compile_model(ranker, calibration=half, evaluation=RankingTask(examples), budget=BUDGET)
    shared = alike.models.keys() & apart.models.keys()
    assert shared
    assert all(alike.models[variant] == apart.models[variant] for variant in shared)
    copy = examples.take(np.arange(examples.requests))
    again = compile_model(ranker, calibration=copy, evaluation=examples, budget=BUDGET)
    assert all(
        again.models[variant] == alike.models[variant]
        for variant in again.models.keys() & alike.models.keys()
    )


def test_a_generator_calibrates_and_is_verified_by(
    ranker: Model, examples: Examples, tmp_path: Path
) -> None:
    out = tmp_path / "ranker.bundle"
    plan = compile_bundle(
        ranker,
        calibration=(request for request in examples),
        evaluation=examples,
        budget=Budget(margin=0.2, p99_ms=1000),
        backends=["onnxruntime"],
        precisions=["int8"],
        keeps=[1.0, 1.0],
        out=out,
    )
    assert out.is_dir()
    variants = [trial.variant for trial in plan.trials]
    assert [v.precision for v in variants] == [Precision.FP32, Precision.INT8]
    assert all(t.measured.samples >= P99_SAMPLES for t in plan.trials if t.measured)
    assert all(t.measured.samples < P99_SAMPLES for t in plan.trials if t.measured is None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"precisions": ["int9"]}, "int9.*weight-int8"),
        ({"precisions": [8]}, "no precision 8"),
        ({"backends": ["tensorrt"]}, "tensorrt.*openvino"),
        ({"backends": []}, "backend"),
        ({"keeps": [0.0]}, "keeps"),
        ({"keeps": [True]}, "keeps"),
        ({"keeps": ["half"]}, "keeps"),
        ({"calibration": []}, "calibration"),
        ({"evaluation": "mrr"}, "use one metric"),
    ],
)
def test_bad_arguments_are_said(
    ranker: Model, examples: Examples, arguments: dict[str, Any], words: str
) -> None:
    if arguments.get("evaluation") == "mrr":
        arguments = {"evaluation": RankingTask(examples, "mrr@10")}
    given = {"calibration": examples, "evaluation": examples, "budget": BUDGET, **arguments}
    with pytest.raises(ValueRangeError, match=words):
        compile_model(ranker, **given)


@dataclass(frozen=True, slots=True, eq=False)
class Failing:
    """An evaluation that cannot take the ``fails``-th call of one of its halves."""

    task: RankingTask
    fails: int
    calls: list[int]

    @property
    def metric(self) -> str:
        return self.task.metric

    def __call__(self, run: Run) -> NDArray[np.float64]:
        self.calls.append(len(self.calls))
        if self.calls[-1] == self.fails:
            raise ShapeError("does not fit")
        return self.task(run)

    def requests(self) -> Iterator[Arrays]:
        return self.task.requests()

    def split(self) -> tuple[Failing, Failing]:
        one, other = self.task.split()
        return Failing(one, self.fails, []), Failing(other, -1, [])


def test_an_error_in_one_variant_is_a_row_and_in_the_original_the_end(
    ranker: Model, examples: Examples
) -> None:
    def plan_with(fails: int) -> Any:
        return compile_model(
            ranker,
            calibration=examples,
            evaluation=Failing(RankingTask(examples), fails, []),
            budget=BUDGET,
            keeps=[1.0],
        ).plan

    trials = {trial.variant: trial for trial in plan_with(1).trials}
    broken = trials[Variant("onnxruntime", Precision.INT8)]
    assert (broken.status, broken.reason) == (Status.UNSUPPORTED, "does not fit")
    with pytest.raises(ShapeError, match="does not fit"):
        plan_with(0)


def test_a_model_that_computes_no_numbers_never_passes(ranker: Model, examples: Examples) -> None:
    huge = {n: np.sign(array) * np.float32(2e38) for n, array in examples.inputs.items()}
    overflowing = Examples(huge, examples.roles, examples.offsets, examples.labels)
    with pytest.raises(NothingFeasible, match=r"onnxruntime fp32: .* NaN or infinity"):
        compile_model(
            ranker, calibration=examples, evaluation=overflowing, budget=BUDGET, keeps=[1.0]
        )


def test_sessions_are_closed_when_the_search_ends(ranker: Model, examples: Examples) -> None:
    halves = RankingTask(examples).split()
    with Search(ranker, [*examples], halves, BUDGET, seed=0, progress=lambda _text: None) as search:
        search.run(Space(("onnxruntime",), (), (1.0,)))
        (runner,) = search._runners
        runner.session.run(examples.request(0))
    with pytest.raises(EngineClosed):
        runner.session.run(examples.request(0))
