"""One compilation: variants are made, judged, timed, chosen and confirmed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np

from edgerec.backends.registry import backend
from edgerec.compiler.gate import Gate
from edgerec.compiler.selection import broken_constraint, choose, nearest, preferred
from edgerec.compiler.trial import P99_SAMPLES, Runner, open_runner, time_runners
from edgerec.compiler.variants import Space, VariantMaker
from edgerec.errors import BackendError, EdgerecError, ShapeError
from edgerec.evaluation.task import Evaluation
from edgerec.machine.cpu import cpu
from edgerec.machine.limits import available_cores
from edgerec.values.budget import Budget
from edgerec.values.model import Model
from edgerec.values.plan import Measurement, Plan, Status, Trial, Variant
from edgerec.values.signature import Arrays

__all__ = ["Compiled", "Progress", "Search", "steps"]

Progress = Callable[[str], None]
"""Called with a short text before each step of long work."""

TIMED_REQUESTS = 100
PRUNED_VARIANTS = 2
"""How many of the cheapest full-width variants are tried at each smaller width."""
SHIPPED_VARIANTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A plan and the models to ship, confirmed all: the chosen one first, then runners-up."""

    plan: Plan
    models: dict[Variant, Model]

    @property
    def model(self) -> Model:
        """The chosen variant's model."""
        return self.models[self.plan.chosen.variant]


def steps(space: Space) -> int:
    """How often a search of ``space`` calls its progress, at most."""
    return len(space.full_width(1)) + PRUNED_VARIANTS * len(space.narrower) + 2


class Search:
    """State of one compilation: the runners that work, the trials that failed, open sessions.

    Parameters
    ----------
    model : Model
    calibration : sequence of inputs
    halves : pair of Evaluation
        Over different requests: the search sees the first, the second confirms.
    budget : Budget
    seed : int
    progress : callable
    """

    def __init__(
        self,
        model: Model,
        calibration: Sequence[Arrays],
        halves: tuple[Evaluation, Evaluation],
        budget: Budget,
        *,
        seed: int,
        progress: Progress,
    ) -> None:
        self._name = model.name
        self._budget = budget
        self._progress = progress
        self._rng = np.random.default_rng(seed)
        self._searching, self._confirming = (Gate(half, budget, self._rng) for half in halves)
        self._requests = tuple(itertools.islice(halves[0].requests(), TIMED_REQUESTS))
        if not self._requests:
            raise ShapeError("the evaluation has no requests to time")
        self._maker = VariantMaker(model, calibration)
        self._runners: list[Runner] = []
        self._failed: list[Trial] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def run(self, space: Space) -> Compiled:
        """Try every variant of ``space``, choose, confirm.

        Raises
        ------
        NothingFeasible
            No variant meets the budget.
        InvalidInput
            The original cannot be evaluated.
        """
        for variant in space.full_width(self._budget.threads):
            self._try(variant)
        cheapest = self._cheapest()
        for keep in space.narrower:
            for variant in cheapest:
                self._try(replace(variant, keep=keep))
        if not self._runners:
            raise nearest(self._failed, self._budget)
        self._time()
        return self._choose()

    def _try(self, variant: Variant) -> None:
        """Make a variant, open it, judge it; a failure is a trial like any other."""
        self._progress(f"{self._name}: {variant.label}")
        if not self._runners and not variant.original:
            self._fail(variant, "no FP32 form to compare with")
            return
        made = self._maker.make(variant)
        if made.model is None:
            self._fail(variant, made.problem)
            return
        try:
            runner = open_runner(variant, made.model)
            self._open.callback(runner.session.close)
            runner.session.run(self._requests[0])
            runner.searched = self._searching.judge(runner.session.run, same=variant.original)
        except EdgerecError as error:
            if not self._runners and not isinstance(error, BackendError):
                raise  # the requests do not fit the model: no variant can help
            self._fail(variant, str(error))
        else:
            self._runners.append(runner)

    def _cheapest(self) -> list[Variant]:
        """The full-width variants that passed the gate and cost least."""
        passed = [r for r in self._runners if r.searched and r.searched.passed]
        time_runners(passed, self._requests, rng=self._rng)
        return [r.variant for r in sorted(passed, key=lambda r: r.cost)[:PRUNED_VARIANTS]]

    def _time(self) -> None:
        """Time all that runs once more together, those too that the gate refused."""
        self._progress(f"{self._name}: timing")
        samples = 0 if self._budget.p99_ms is None else P99_SAMPLES
        time_runners(self._runners, self._requests, rng=self._rng, samples=samples)

    def _choose(self) -> Compiled:
        """Confirm in the order of preference until enough can ship; the first is the choice."""
        self._progress(f"{self._name}: confirming")
        original = self._runners[0]
        original.confirmed = self._confirming.judge(original.session.run)
        runners = {runner.variant: runner for runner in self._runners}
        trials = {variant: self._searched(runner) for variant, runner in runners.items()}
        costs = {v: runners[v].cost for v, trial in trials.items() if _feasible(trial)}
        shipped: list[Variant] = []
        for variant in preferred(costs):
            trials[variant] = self._confirmed(runners[variant])
            if _feasible(trials[variant]):
                shipped.append(variant)
            if len(shipped) == SHIPPED_VARIANTS:
                break
        if not shipped:
            raise nearest([*trials.values(), *self._failed], self._budget)
        marked = choose(trials.values(), trials[shipped[0]])
        return Compiled(
            self._plan((*marked, *self._failed)),
            {variant: runners[variant].model for variant in shipped},
        )

    def _searched(self, runner: Runner) -> Trial:
        """How a variant stands after the search."""
        assert runner.searched is not None
        measured, verdict = runner.measurement(), runner.searched
        if not verdict.passed:
            return Trial(runner.variant, Status.QUALITY, verdict.reason, measured)
        if broken := broken_constraint(measured, self._budget):
            status, reason = broken
            return Trial(runner.variant, status, reason + self._few(measured), measured)
        reason = f"{verdict.reason}; not confirmed, so it does not ship"
        return Trial(runner.variant, Status.FEASIBLE, reason, measured)

    def _confirmed(self, runner: Runner) -> Trial:
        """How a variant stands after requests that the search has not seen."""
        assert runner.searched is not None
        try:
            verdict = runner.confirmed or self._confirming.judge(
                runner.session.run, same=runner.variant.original
            )
        except EdgerecError as error:
            return Trial(runner.variant, Status.UNSUPPORTED, str(error), runner.measurement())
        runner.confirmed = verdict
        measured = runner.measurement()
        if not verdict.passed:
            reason = f"not confirmed on unseen requests: {verdict.reason}"
            return Trial(runner.variant, Status.QUALITY, reason, measured)
        reason = verdict.reason
        if runner is not self._runners[0]:
            reason += f" confirmed, {runner.searched.difference} searched"
        return Trial(runner.variant, Status.FEASIBLE, reason + self._few(measured), measured)

    def _few(self, measured: Measurement) -> str:
        """A remark where a 99th percentile is more than the times can tell."""
        different = len(self._requests)
        if measured.samples >= P99_SAMPLES and different == TIMED_REQUESTS:
            return ""
        return f"; p99 of only {measured.samples} times of {different} different requests"

    def _fail(self, variant: Variant, problem: str) -> None:
        self._failed.append(Trial(variant, Status.UNSUPPORTED, problem))

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


def _feasible(trial: Trial) -> bool:
    return trial.status is Status.FEASIBLE
