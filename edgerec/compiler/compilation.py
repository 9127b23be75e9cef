"""``edgerec.compile``: a model, data and a budget to a plan, by measurement."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.bundle.writer import BundleWriter
from edgerec.compiler.gate import Verdict, judge
from edgerec.compiler.selection import broken_constraint, choose, nearest, preferred
from edgerec.compiler.trial import Runner, open_runner, time_runners
from edgerec.compiler.variants import VariantMaker, unpruned, with_width
from edgerec.engine.golden import write_golden_inputs
from edgerec.engine.models import write_model
from edgerec.errors import BackendError, ValueRangeError
from edgerec.evaluation.task import Evaluation, RankingTask
from edgerec.machine.cpu import cpu
from edgerec.machine.limits import available_cores
from edgerec.values.budget import Budget
from edgerec.values.examples import Examples
from edgerec.values.model import Model
from edgerec.values.plan import Plan, Precision, Status, Trial, Variant
from edgerec.values.signature import Arrays

__all__ = ["Compiled", "Progress", "compile", "compile_model"]

Progress = Callable[[str], None]
"""Called with a short text before each step of long work."""

TIMED_REQUESTS = 100
PRUNED_VARIANTS = 2
"""How many of the cheapest full-width variants are tried at each smaller width."""
SHIPPED_VARIANTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A plan and the models to ship: the chosen one first, then the best runners-up."""

    plan: Plan
    models: dict[Variant, Model]

    @property
    def model(self) -> Model:
        """The chosen variant's model."""
        return self.models[self.plan.chosen.variant]


def compile(
    model: Model,
    *,
    calibration: Sequence[Arrays] | Examples,
    evaluation: Evaluation | Examples,
    budget: Budget,
    out: str | Path | None = None,
    force: bool = False,
    **space: Any,
) -> Plan:
    """Choose by measurement how ``model`` runs here, and write it as a bundle of one model.

    Parameters
    ----------
    out : path, optional
        The bundle's directory; without it nothing is written.
    force : bool
        Replace ``out`` where it exists.

    The others, and the errors, are those of :func:`compile_model`.
    """
    if out is None:
        return compile_model(
            model, calibration=calibration, evaluation=evaluation, budget=budget, **space
        ).plan
    with BundleWriter(out, force=force) as writer:
        compiled = compile_model(
            model, calibration=calibration, evaluation=evaluation, budget=budget, **space
        )
        writer.set("kind", "model")
        writer.set("models", {model.name: write_model(writer, compiled.plan, compiled.models)})
        chosen, chosen_model = compiled.plan.chosen.variant, compiled.model
        session = backend(chosen.backend).open(
            chosen_model.graph, chosen_model.signature, threads=chosen.threads
        )
        writer.set("golden", write_golden_inputs(writer, session, next(iter(calibration))))
        session.close()
    return compiled.plan


def compile_model(
    model: Model,
    *,
    calibration: Sequence[Arrays] | Examples,
    evaluation: Evaluation | Examples,
    budget: Budget,
    backends: Sequence[str] = BACKEND_NAMES,
    precisions: Sequence[Precision] | None = None,
    keeps: Sequence[float] = (1.0, 0.5),
    seed: int = 0,
    progress: Progress | None = None,
) -> Compiled:
    """Make variants, measure them, gate them, choose the cheapest one inside the budget.

    Full-width variants come first, on every backend; the cheapest that pass the gate are then
    tried at each smaller width. All that passed are timed once more together. The winner is
    confirmed on requests that the search has not seen; where it fails there, the next cheapest
    takes its place, and unpruned FP32 (which cannot lose) is always among them.

    Parameters
    ----------
    model : Model
        The original, FP32.
    calibration : sequence of inputs, or Examples
        Requests to measure activations on; at least one.
    evaluation : Evaluation or Examples
        What the model is good for. Examples are ranked with ``budget.metric``.
    budget : Budget
    backends, precisions, keeps
        The space. ``precisions`` None means each backend's defaults; FP32 at full width is always
        in. ``keeps`` are shares of hidden width in (0, 1].
    seed : int
        Of the bootstrap and of the order of timing.
    progress : callable, optional

    Raises
    ------
    NothingFeasible
        No variant meets the budget; the message names the nearest and the budget it would meet.
    """
    task = (
        RankingTask(evaluation, budget.metric) if isinstance(evaluation, Examples) else evaluation
    )
    _check(task, budget, keeps)
    search = _Search(model, tuple(calibration), task, budget, seed, progress or _quiet)
    try:
        for variant in unpruned(backends, precisions, budget.threads):
            search.run(variant)
        cheapest = search.cheapest(PRUNED_VARIANTS)
        for keep in sorted((k for k in keeps if k < 1.0), reverse=True):
            for variant in cheapest:
                search.run(with_width(variant, keep))
        return search.finish()
    finally:
        search.close()


def _check(task: Evaluation, budget: Budget, keeps: Sequence[float]) -> None:
    if task.metric != budget.metric:
        raise ValueRangeError(
            f"the budget is in {budget.metric}, the evaluation in {task.metric}: use one metric"
        )
    for keep in keeps:
        if not 0.0 < keep <= 1.0:
            raise ValueRangeError(f"keeps are shares of width in (0, 1], got {keep}")


def _quiet(_text: str) -> None:
    """Progress that nobody watches."""


class _Search:
    """State of one compilation: the runners that work and the trials that ended early."""

    def __init__(
        self,
        model: Model,
        calibration: tuple[Arrays, ...],
        task: Evaluation,
        budget: Budget,
        seed: int,
        progress: Progress,
    ) -> None:
        self._name = model.name
        self._budget = budget
        self._progress = progress
        self._rng = np.random.default_rng(seed)
        self._searched, self._confirmed = task.split()
        self._requests = tuple(itertools.islice(task.requests(), TIMED_REQUESTS))
        self._maker = VariantMaker(model, calibration)
        self._runners: list[Runner] = []
        self._failed: list[Trial] = []

    def run(self, variant: Variant) -> None:
        """Make a variant, open it, measure its quality; a failure is a trial like any other."""
        self._progress(f"{self._name}: {variant.label}")
        if not self._runners and variant.precision is not Precision.FP32:
            self._failed.append(Trial(variant, Status.UNSUPPORTED, "no FP32 form to compare with"))
            return
        made = self._maker.make(variant)
        if made.model is None:
            self._failed.append(Trial(variant, Status.UNSUPPORTED, made.problem))
            return
        try:
            runner = open_runner(made)
            runner.values = self._searched(runner.session.run)
        except BackendError as error:
            self._failed.append(Trial(variant, Status.UNSUPPORTED, str(error)))
            return
        self._runners.append(runner)
        runner.verdict = self._judge(runner)

    def cheapest(self, count: int) -> list[Variant]:
        """The cheapest variants that passed the gate so far."""
        passed = [runner for runner in self._runners if runner.verdict and runner.verdict.passed]
        time_runners(passed, self._requests, rng=self._rng)
        return [r.variant for r in sorted(passed, key=lambda r: r.cost)[:count]]

    def finish(self) -> Compiled:
        """Time what passed once more together, choose, confirm."""
        self._progress(f"{self._name}: timing")
        time_runners(self._runners, self._requests, rng=self._rng)
        trials = {id(runner): self._trial(runner) for runner in self._runners}
        feasible = {r.variant: r for r in self._runners if trials[id(r)].status is Status.FEASIBLE}
        costs = {variant: runner.cost for variant, runner in feasible.items()}
        ordered = [feasible[variant] for variant in preferred(costs)]
        winner = None
        for runner in ordered:
            verdict = self._confirm(runner)
            if verdict.passed:
                winner = runner
                break
            trials[id(runner)] = Trial(
                runner.variant,
                Status.QUALITY,
                f"not confirmed on unseen requests: {verdict.reason}",
                runner.measurement(),
            )
        if winner is None:
            raise nearest([*trials.values(), *self._failed], self._budget)
        marked = choose(trials.values(), trials[id(winner)])
        kept = [
            winner,
            *(r for r in ordered if trials[id(r)].status is Status.FEASIBLE and r is not winner),
        ]
        return Compiled(
            self._plan((*marked, *self._failed)),
            {runner.variant: runner.model for runner in kept[:SHIPPED_VARIANTS]},
        )

    def close(self) -> None:
        for runner in self._runners:
            runner.session.close()

    def _judge(self, runner: Runner) -> Verdict:
        before, after = self._runners[0].values, runner.values
        assert before is not None
        assert after is not None
        return judge(before, after, self._budget, rng=self._rng)

    def _confirm(self, runner: Runner) -> Verdict:
        before = self._confirmed(self._runners[0].session.run)
        return judge(before, self._confirmed(runner.session.run), self._budget, rng=self._rng)

    def _trial(self, runner: Runner) -> Trial:
        measured, verdict = runner.measurement(), runner.verdict
        assert measured is not None
        assert verdict is not None
        if not verdict.passed:
            return Trial(runner.variant, Status.QUALITY, verdict.reason, measured)
        broken = broken_constraint(measured, self._budget)
        if broken:
            return Trial(runner.variant, *broken, measured)
        return Trial(runner.variant, Status.FEASIBLE, verdict.reason, measured)

    def _plan(self, trials: tuple[Trial, ...]) -> Plan:
        machine = cpu()
        used = sorted({trial.variant.backend for trial in trials})
        return Plan(
            model=self._name,
            budget=self._budget,
            trials=trials,
            cpu=machine.fingerprint,
            isa=machine.isas,
            cores=available_cores(),
            versions={name: backend(name).version() for name in used},
        )
