"""What each hidden width is worth: how far the outputs move when channels are taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.compression.layers import read_weights, refitted
from edgerec.compression.observation import observe
from edgerec.compression.refit import Gram, Layer, Matrix, eliminate
from edgerec.graph.editor import Editor
from edgerec.graph.widths import Consumer, Width, find_widths
from edgerec.values.model import Model
from edgerec.values.signature import Arrays

__all__ = ["Curve", "Probe", "Progress", "Sensitivity", "sensitivity"]

Progress = Callable[[str], None]
MEASURED = 64
"""Requests that the outputs are compared on; activations are summed over all of them."""
STEPS = 8


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
        Single requests, at least one.
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
    grams = _grams(model, [c for width in widths for c in width.consumers], calibration)
    probe = Probe(model, calibration)
    curves = []
    for width in widths:
        if progress:
            progress(f"{model.name}: width {width.name}")
        curves.append(_curve(model, width, grams, probe))
    return Sensitivity(model.digest, tuple(curves))


class Probe:
    """Outputs of a model on some requests, to compare other models with."""

    def __init__(self, model: Model, calibration: Sequence[Arrays]) -> None:
        self._names = [output.name for output in model.signature.outputs]
        self._requests = list(calibration)[:: -(-len(calibration) // MEASURED)]
        self._wanted = [self._outputs(found) for found in observe(model, (), self._requests)]
        rows = np.concatenate(self._wanted)
        spread = float(np.square(rows - rows.mean(axis=0)).sum())
        energy = float(np.square(rows).sum())
        self._scale = spread if spread > 1e-12 * energy else energy or 1.0

    def perturbation(self, other: Model) -> float:
        """Root mean square difference of the outputs, relative to their spread over all rows."""
        found = (self._outputs(found) for found in observe(other, (), self._requests))
        pairs = zip(self._wanted, found, strict=True)
        lost = sum(float(np.square(want - have).sum()) for want, have in pairs)
        return float(np.sqrt(lost / self._scale))

    def largest(self, other: Model) -> float:
        """Largest difference of one value, relative to the largest value."""
        found = (self._outputs(found) for found in observe(other, (), self._requests))
        pairs = zip(self._wanted, found, strict=True)
        worst = max(float(np.abs(want - have).max()) for want, have in pairs)
        return worst / (max(float(np.abs(want).max()) for want in self._wanted) or 1.0)

    def _outputs(self, found: Arrays) -> Matrix:
        """All outputs of a request side by side, one row a row of the request."""
        values = [np.asarray(found[name], np.float64) for name in self._names]
        rows = max(len(value) if value.ndim else 1 for value in values)
        flat = [value.reshape(value.shape[0] if value.ndim else 1, -1) for value in values]
        return np.hstack([np.broadcast_to(v, (rows, v.shape[1])) for v in flat])


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
    layers = [Layer(grams[c].matrix, read_weights(editor, c), c.offset) for c in width.consumers]
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
