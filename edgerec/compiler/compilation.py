"""``edgerec.compile``: a model, data and a budget to a plan, by measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.bundle.writer import BundleWriter
from edgerec.compiler.search import Compiled, Progress, Search
from edgerec.compiler.variants import Space
from edgerec.engine.golden import write_golden_inputs
from edgerec.engine.models import write_model
from edgerec.errors import ValueRangeError
from edgerec.evaluation.task import Evaluation, RankingTask
from edgerec.graph.fusion import fuse
from edgerec.values.budget import Budget
from edgerec.values.examples import Examples
from edgerec.values.model import Model
from edgerec.values.plan import Plan, Precision
from edgerec.values.signature import Arrays

__all__ = ["compile", "compile_model"]


def compile(
    model: Model,
    *,
    calibration: Iterable[Arrays] | Examples,
    evaluation: Evaluation | Examples,
    budget: Budget,
    out: str | Path | None = None,
    force: bool = False,
    backends: Sequence[str] = BACKEND_NAMES,
    precisions: Sequence[Precision | str] | None = None,
    keeps: Sequence[float] = (1.0, 0.5),
    seed: int = 0,
    progress: Progress | None = None,
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
    requests = calibration if isinstance(calibration, Examples) else tuple(calibration)

    def compiled() -> Compiled:
        return compile_model(
            model,
            calibration=requests,
            evaluation=evaluation,
            budget=budget,
            backends=backends,
            precisions=precisions,
            keeps=keeps,
            seed=seed,
            progress=progress,
        )

    if out is None:
        return compiled().plan
    with BundleWriter(out, force=force) as writer:
        return _write(writer, compiled(), next(iter(requests)))


def compile_model(
    model: Model,
    *,
    calibration: Iterable[Arrays] | Examples,
    evaluation: Evaluation | Examples,
    budget: Budget,
    backends: Sequence[str] = BACKEND_NAMES,
    precisions: Sequence[Precision | str] | None = None,
    keeps: Sequence[float] = (1.0, 0.5),
    seed: int = 0,
    progress: Progress | None = None,
) -> Compiled:
    """Make variants, measure them, gate them, choose the cheapest one inside the budget.

    Full-width variants come first, on every backend; the cheapest that pass the gate are then
    tried at each smaller width. All that run are timed once more together, those that the gate
    refused too, so that the plan shows what they would have cost. The evaluation has two halves:
    variants are searched on one, and the winner and the runners-up that ship with it are confirmed
    on the other. Where one fails there, the next cheapest takes its place; the unpruned FP32 that
    everything is compared with cannot fail. What is shown of what ships is what was confirmed.

    Parameters
    ----------
    model : Model
        The original, FP32; what costs nothing to rewrite is rewritten first, see
        :func:`edgerec.graph.fusion.fuse`.
    calibration : iterable of inputs, or Examples
        Requests to measure activations and refit layers on; at least one. Where they are the
        examples of ``evaluation``, only the half that is searched on is used, so that what
        confirms stays unseen. Requests that are otherwise among both are yours to keep apart.
    evaluation : Evaluation or Examples
        What the model is good for; at least two requests. Examples are ranked with
        ``budget.metric``.
    budget : Budget
    backends : sequence of str
        FP32 on the first that runs it is what the others are compared with.
    precisions : sequence of Precision or str, optional
        Tried beside FP32 on each backend; None means each backend's defaults.
    keeps : sequence of float in (0, 1]
        Shares of hidden width; full width is always in.
    seed : int
        Of the bootstrap and of the order of timing.
    progress : callable, optional

    Raises
    ------
    NothingFeasible
        No variant meets the budget; the message names the nearest and the budget it would meet.
    ValueRangeError
        An argument is out of range, or the original's quality is 0: there is nothing to lose.
    ShapeError, SignatureError
        The requests do not fit the model. A variant that fails alone is a trial of the plan.
    """
    space = Space.of(backends, precisions, keeps)
    task = (
        RankingTask(evaluation, budget.metric) if isinstance(evaluation, Examples) else evaluation
    )
    if task.metric != budget.metric:
        raise ValueRangeError(
            f"the budget is in {budget.metric}, the evaluation in {task.metric}: use one metric"
        )
    halves = task.split()
    requests = tuple(_unseen(calibration, task, halves[0]))
    if not requests:
        raise ValueRangeError("calibration holds no requests: give at least one")
    say = progress or _quiet
    model = replace(model, graph=fuse(model.graph))
    with Search(model, requests, halves, budget, seed=seed, progress=say) as search:
        return search.run(space)


def _quiet(_text: str) -> None:
    """Progress that nobody watches."""


def _unseen(
    calibration: Iterable[Arrays] | Examples, task: Evaluation, searched: Evaluation
) -> Iterable[Arrays]:
    """The calibration without what confirms."""
    if not isinstance(calibration, Examples) or not isinstance(task, RankingTask):
        return calibration
    return searched.requests() if calibration.same(task.examples) else calibration


def _write(writer: BundleWriter, compiled: Compiled, request: Arrays) -> Plan:
    """Write the bundle of one model, with one request to verify it by."""
    plan, model = compiled.plan, compiled.model
    writer.set("kind", "model")
    writer.set("models", {plan.model: write_model(writer, plan, compiled.models)})
    variant = plan.chosen.variant
    engine = backend(variant.backend)
    with closing(engine.open(model.graph, model.signature, threads=variant.threads)) as session:
        writer.set("golden", write_golden_inputs(writer, session, request))
    return plan
