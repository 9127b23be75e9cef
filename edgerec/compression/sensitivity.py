"""What each hidden width is worth: how far the outputs move when channels are taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from edgerec.compression.layers import read_weights, refitted
from edgerec.compression.observation import observe
from edgerec.compression.refit import Gram, Layer, Matrix, eliminate
from edgerec.graph.editor import Editor
from edgerec.graph.widths import Consumer, Width, find_widths
from edgerec.values.model import Model
from edgerec.values.signature import Array, Arrays, Meaning, Output

__all__ = ["Curve", "Probe", "Progress", "Sensitivity", "held_out", "sensitivity"]

Progress = Callable[[str], None]
MEASURED = 64
"""Requests that outputs are compared on, at most."""
STEPS = 8
HELD_OUT_EVERY = 4
HELD_OUT_FROM = 8


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One width: sizes tried, descending from the whole; for each the channels and the damage.

    ``errors`` are relative perturbations of the model's outputs (see :class:`Probe`), with
    the consumers refitted; 0 at full size.
    """

    width: Width
    sizes: tuple[int, ...]
    kept: tuple[NDArray[np.int64], ...]
    errors: tuple[float, ...]
    weights: int
    """Stored weights that one channel takes in its maker and in its consumers."""


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """The curves of one model's widths; ``digest`` says of which graph."""

    digest: str
    curves: tuple[Curve, ...]


def sensitivity(
    model: Model, calibration: Sequence[Arrays], *, progress: Progress | None = None
) -> Sensitivity:
    """Measure, width by width, what removing ever more channels does to the outputs.

    Parameters
    ----------
    model : Model
        FP32.
    calibration : sequence of inputs
        Single requests, at least one; a quarter of them is held out to measure the outputs on.
    progress : callable, optional
        Called with a short text for each width.

    Raises
    ------
    ValueRangeError
        No requests.
    """
    widths = find_widths(model.graph)
    if not widths:
        return Sensitivity(model.digest, ())
    fitting, judging = held_out(calibration)
    grams = _grams(model, [c for width in widths for c in width.consumers], fitting)
    probe = Probe(model, judging)
    curves = []
    for width in widths:
        if progress:
            progress(f"{model.name}: width {width.name}")
        curves.append(_curve(model, width, grams, probe))
    return Sensitivity(model.digest, tuple(curves))


def held_out(requests: Sequence[Arrays]) -> tuple[list[Arrays], list[Arrays]]:
    """Split requests into those to fit on and, every fourth, those to judge the fit on.

    Fewer than eight serve for both.
    """
    if len(requests) < HELD_OUT_FROM:
        return list(requests), list(requests)
    judging = list(requests[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    fitting = [r for place, r in enumerate(requests, 1) if place % HELD_OUT_EVERY]
    return fitting, judging


class Probe:
    """Outputs of a model on some requests, to compare other models with.

    Scores only order the candidates of one request, so they are compared without the request's
    mean: what shifts all of them moves nothing.
    """

    def __init__(self, model: Model, requests: Sequence[Arrays]) -> None:
        self._outputs = model.signature.outputs
        self._requests = list(requests)[:: -(-len(requests) // MEASURED)]
        self._wanted = [self._rows(found) for found in observe(model, (), self._requests)]
        outputs = [np.concatenate(parts) for parts in zip(*self._wanted, strict=True)]
        spread = sum(float(np.square(rows - rows.mean(axis=0)).sum()) for rows in outputs)
        energy = sum(float(np.square(rows).sum()) for rows in outputs)
        self._scale = spread if spread > 1e-12 * energy else energy or 1.0

    def perturbation(self, other: Model) -> float:
        """Root mean square difference of the outputs, relative to their spread over all rows.

        All outputs count by their sum of squares.
        """
        lost = sum(float(np.square(want - have).sum()) for want, have in self._pairs(other))
        return float(np.sqrt(lost / self._scale))

    def largest(self, other: Model) -> float:
        """Largest difference of one value, relative to the largest value."""
        worst = max(float(np.abs(want - have).max()) for want, have in self._pairs(other))
        largest = max(float(np.abs(want).max()) for parts in self._wanted for want in parts)
        return worst / (largest or 1.0)

    def _pairs(self, other: Model) -> Iterator[tuple[Matrix, Matrix]]:
        for wanted, found in zip(self._wanted, observe(other, (), self._requests), strict=True):
            yield from zip(wanted, self._rows(found), strict=True)

    def _rows(self, found: Arrays) -> list[Matrix]:
        """Each output of a request."""
        return [_centred(output, np.asarray(found[output.name])) for output in self._outputs]


def _centred(output: Output, values: Array) -> Matrix:
    """Rows of the output's fixed last dimensions; what is free makes rows, however many."""
    free = [axis for axis, size in enumerate(output.shape) if isinstance(size, str)]
    columns = prod(values.shape[(free[-1] if free else 0) + 1 :])
    flat = values.reshape(-1, columns).astype(np.float64)
    if output.meaning is Meaning.EMBEDDING or len(flat) == 1:
        return flat
    return np.asarray(flat - flat.mean(axis=0))


def _grams(
    model: Model, consumers: Sequence[Consumer], calibration: Sequence[Arrays]
) -> dict[Consumer, Gram]:
    grams = {consumer: Gram(consumer.bias is not None) for consumer in consumers}
    for found in observe(model, [consumer.tensor for consumer in consumers], calibration):
        for consumer, gram in grams.items():
            gram.add(found[consumer.tensor])
    return grams


def _curve(model: Model, width: Width, grams: Mapping[Consumer, Gram], probe: Probe) -> Curve:
    editor = Editor(model.graph)
    layers = [Layer(grams[c], read_weights(editor, c), c.offset) for c in width.consumers]
    sizes = _sizes(width.size)
    tried = list(eliminate(layers, width.size, sizes[1:]))
    errors = [
        probe.perturbation(
            refitted(model, {width: kept}, dict(zip(width.consumers, weights, strict=True)))
        )
        for kept, weights in tried
    ]
    return Curve(
        width=width,
        sizes=sizes,
        kept=(np.arange(width.size), *(kept for kept, _ in tried)),
        errors=(0.0, *errors),
        weights=_weights_of(editor, width),
    )


def _weights_of(editor: Editor, width: Width) -> int:
    nodes = {node.name: node for node in editor.nodes}
    cuts = (*width.cuts, *(consumer.cut for consumer in width.consumers))
    stored = (editor.constant(nodes[cut.node].input[cut.place]) for cut in cuts)
    return sum(
        array.size // array.shape[cut.axis]
        for cut, array in zip(cuts, stored, strict=True)
        if array is not None
    )


def _sizes(size: int) -> tuple[int, ...]:
    """About eighths of the whole, in multiples of 8 where it is large enough, down to one step."""
    step = -(-size // STEPS)
    if size >= 8 * STEPS:
        step = -(-step // 8) * 8
    return (size, *range((size - 1) // step * step, 0, -step))
