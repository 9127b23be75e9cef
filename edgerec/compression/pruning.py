"""Structural pruning: narrower hidden layers, chosen by measurement, refitted in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgerec.compression.layers import Kept, read_weights, with_weights
from edgerec.compression.observation import observe
from edgerec.compression.refit import Residuals
from edgerec.compression.sensitivity import (
    Curve,
    Probe,
    Progress,
    Sensitivity,
    held_out,
    sensitivity,
)
from edgerec.errors import ValueRangeError
from edgerec.graph.editor import Editor
from edgerec.graph.flops import multiply_adds
from edgerec.graph.widths import Consumer, narrow
from edgerec.values.model import Model
from edgerec.values.signature import Arrays

__all__ = ["Pruned", "PrunedWidth", "PruningReport", "prune"]


@dataclass(frozen=True, slots=True)
class PrunedWidth:
    """Channels of one width before and after; ``name`` is the node that makes them."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PruningReport:
    """What pruning removed, and what it did to the outputs on the requests held out.

    Parameters
    ----------
    widths : tuple of PrunedWidth
        All widths that could be narrowed; empty where the model has none.
    keep, kept : float in (0, 1]
        Share of all hidden channels: wanted, and reached.
    size_bytes, multiply_adds : tuple of int
        Before and after; multiply-adds with 100 for each free dimension.
    plain_error, error : float
        Root mean square difference of the outputs relative to their spread, without and with the
        refit.
    largest_error : float
        Largest difference of one output value, relative to the largest value.
    """

    widths: tuple[PrunedWidth, ...]
    keep: float
    kept: float
    size_bytes: tuple[int, int]
    multiply_adds: tuple[int, int]
    plain_error: float
    error: float
    largest_error: float

    def __str__(self) -> str:
        if not self.widths:
            return "no hidden width that could be narrowed"
        widths = ", ".join(f"{w.name} {w.before} → {w.after}" for w in self.widths)
        return (
            f"kept {self.kept:.0%} of the hidden width ({widths}); "
            f"{self.size_bytes[0]:,} → {self.size_bytes[1]:,} bytes, "
            f"{self.multiply_adds[0]:,} → {self.multiply_adds[1]:,} multiply-adds; the outputs "
            f"moved by {self.error:.2%} of their spread ({self.plain_error:.2%} without the refit)"
        )


@dataclass(frozen=True, slots=True)
class Pruned:
    """The smaller model and the report."""

    model: Model
    report: PruningReport


def prune(
    model: Model,
    calibration: Sequence[Arrays],
    *,
    keep: float,
    sensitivity: Sensitivity | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Narrow a model's hidden widths to ``keep`` of their channels.

    Channels go where they are missed least: each width's curve says what a size costs the outputs,
    and the next step is always the one that costs least for each multiply-add saved. Then every
    layer that lost inputs is fitted by least squares to what it computed before, first layers
    first, on what the layers before it give now.

    Parameters
    ----------
    model : Model
        FP32.
    calibration : sequence of inputs
        Single requests; together several times as many rows as the widest layer has channels, or
        the refit learns those requests by heart. A quarter is held out to judge by.
    keep : float in (0, 1]
        Share of all hidden channels to keep, reached within one step (an eighth of a width).
    sensitivity : Sensitivity, optional
        Of this model, where it was measured before; it does not depend on ``keep``.
    progress : callable, optional

    Returns
    -------
    Pruned
        With the model itself where nothing can be narrowed or ``keep`` is 1. On the requests held
        out the refit is never worse than plain pruning.

    Raises
    ------
    ValueRangeError
        ``keep`` outside (0, 1], no requests, or the sensitivity of another model.
    """
    if not 0.0 < keep <= 1.0:
        raise ValueRangeError(f"keep is a share in (0, 1], got {keep}")
    curves = _curves(model, calibration, sensitivity, progress)
    places = _allocate(curves, keep)
    kept = {c.width: c.kept[at] for c, at in zip(curves, places, strict=True) if at}
    if not kept:
        return Pruned(model, _report(model, model, curves, places, keep, (0.0, 0.0, 0.0)))
    if progress:
        progress(f"{model.name}: refit")
    fitting, judging = held_out(calibration)
    probe = Probe(model, judging)
    plain = replace(model, graph=narrow(model.graph, kept))
    fitted = _refit(model, plain, kept, fitting)
    plain_error, error = probe.perturbation(plain), probe.perturbation(fitted)
    best = fitted if error <= plain_error else plain
    errors = (plain_error, min(error, plain_error), probe.largest(best))
    return Pruned(best, _report(model, best, curves, places, keep, errors))


def _curves(
    model: Model,
    calibration: Sequence[Arrays],
    known: Sensitivity | None,
    progress: Progress | None,
) -> tuple[Curve, ...]:
    found = known or sensitivity(model, calibration, progress=progress)
    if found.digest != model.digest:
        raise ValueRangeError(f"the sensitivity is that of another model than {model.name!r}")
    return found.curves


def _allocate(curves: Sequence[Curve], keep: float) -> list[int]:
    """Place on each curve: steps down, each the one that costs least for what it saves."""
    places = [0] * len(curves)
    goal = keep * sum(curve.width.size for curve in curves)
    while sum(c.sizes[at] for c, at in zip(curves, places, strict=True)) > goal:
        open_ = [n for n, curve in enumerate(curves) if places[n] + 1 < len(curve.sizes)]
        if not open_:
            break
        places[min(open_, key=lambda n: _price(curves[n], places[n]))] += 1
    return places


def _price(curve: Curve, place: int) -> float:
    """Squared error that the next step adds, for each channel's weights that it saves."""
    saved = (curve.sizes[place] - curve.sizes[place + 1]) * curve.weights
    added = curve.errors[place + 1] ** 2 - curve.errors[place] ** 2
    return float(max(added, 0.0) / saved)


def _refit(model: Model, plain: Model, kept: Kept, calibration: Sequence[Arrays]) -> Model:
    """Fit each product that lost inputs to what it gave before, in topological order."""
    first = {consumer.node: consumer for width in kept for consumer in width.consumers}
    order = [node.name for node in Editor(model.graph).nodes if node.name in first]
    columns = {width.name: channels for width, channels in kept.items()}
    current = plain
    for name in order:
        weights = _fit(model, current, first[name], columns.get(name), calibration)
        current = with_weights(current, {first[name]: weights})
    return current


def _fit(
    model: Model,
    current: Model,
    consumer: Consumer,
    columns: NDArray[np.int64] | None,
    calibration: Sequence[Arrays],
) -> NDArray[np.float64]:
    """Weights of one product: inputs as ``current`` has them, outputs as ``model`` had them."""
    residuals = Residuals(
        read_weights(Editor(current.graph), consumer), bias=consumer.bias is not None
    )
    before = observe(model, [consumer.output], calibration)
    now = observe(current, [consumer.tensor], calibration)
    for wanted, found in zip(before, now, strict=True):
        output = wanted[consumer.output]
        residuals.add(found[consumer.tensor], output if columns is None else output[..., columns])
    return residuals.solve().weights


def _report(
    model: Model,
    pruned: Model,
    curves: Sequence[Curve],
    places: Sequence[int],
    keep: float,
    errors: tuple[float, float, float],
) -> PruningReport:
    pairs = list(zip(curves, places, strict=True))
    before = sum(curve.width.size for curve in curves)
    after = sum(curve.sizes[at] for curve, at in pairs)
    return PruningReport(
        widths=tuple(PrunedWidth(c.width.name, c.width.size, c.sizes[at]) for c, at in pairs),
        keep=keep,
        kept=after / before if before else 1.0,
        size_bytes=(model.size_bytes, pruned.size_bytes),
        multiply_adds=(multiply_adds(model.graph), multiply_adds(pruned.graph)),
        plain_error=errors[0],
        error=errors[1],
        largest_error=errors[2],
    )
