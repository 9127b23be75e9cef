"""Channels of an activation brought to like ranges, so that one scale for all of them fits.

Dividing channel ``k`` of ``x`` by ``s[k]`` and multiplying row ``k`` of the weights behind by it
changes nothing in float32. In INT8 it does: ``x`` has one scale for all channels, so that a
concatenation of unit vectors and raw counts would leave the vectors a handful of codes.

Source: Xiao et al., "SmoothQuant" (2023), and Nagel et al., "Data-free quantization through weight
equalization and bias correction" (2019), for the fold into the layer before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from edgerec.compression.observation import observe
from edgerec.compression.static_int8 import Product
from edgerec.graph.editor import Editor
from edgerec.graph.widths import Cut, bias_of, weights_of
from edgerec.values.model import Model
from edgerec.values.signature import Arrays

__all__ = ["Channels", "choose_scales", "equalize"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
SHARES = (0.25, 0.5, 0.75, 1.0)
"""How much of the difficulty is moved from the activation to the weights."""
WORTH = 0.6
"""Predicted error left, of what it is now, below which channels are scaled."""
HOMOGENEOUS = frozenset({"LeakyRelu", "Relu"})
"""``f(s x) = s f(x)`` for ``s > 0``: a scale passes through."""


@dataclass(slots=True, eq=False)
class Channels:
    """Smallest and largest value of each channel, 0 included, and the mean square."""

    low: Vector = field(default_factory=lambda: np.zeros(0))
    high: Vector = field(default_factory=lambda: np.zeros(0))
    total: Vector = field(default_factory=lambda: np.zeros(0))
    rows: int = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Add the rows of one request, (…, channels) float32."""
        x = values.reshape(-1, values.shape[-1]).astype(np.float64)
        if not self.rows:
            self.low, self.high, self.total = (np.zeros(x.shape[1]) for _ in range(3))
        self.low = np.minimum(self.low, x.min(axis=0, initial=0.0))
        self.high = np.maximum(self.high, x.max(axis=0, initial=0.0))
        self.total = self.total + np.square(x).sum(axis=0)
        self.rows += len(x)

    @property
    def square(self) -> Vector:
        """Mean square of each channel."""
        return self.total / max(1, self.rows)


def equalize(
    model: Model, products: Iterable[Product], requests: Sequence[Arrays], limit: int
) -> Model:
    """Scale the channels that ``products`` read, where INT8 is predicted to gain by it.

    Parameters
    ----------
    model : Model
        FP32.
    products : iterable of Product
        Those that will be rounded.
    requests : sequence of inputs
        At least one.
    limit : int
        Largest weight code.

    Returns
    -------
    Model
        Equal up to float32 rounding. A scale goes into the layer before where only a ``Relu`` lies
        between; else it costs a ``Mul``.
    """
    readers: dict[str, list[Product]] = {}
    for product in products:
        readers.setdefault(product.tensor, []).append(product)
    channels = {tensor: Channels() for tensor in readers}
    for found in observe(model, channels, requests):
        for tensor, seen in channels.items():
            seen.add(found[tensor])
    editor = Editor(model.graph)
    for tensor, reading in readers.items():
        _equalize(editor, tensor, {p.node for p in reading}, channels[tensor], limit)
    return replace(model, graph=editor.finish())


def choose_scales(seen: Channels, weights: Matrix, limit: int) -> Vector | None:
    """Choose what to divide channels by.

    Parameters
    ----------
    seen : Channels
    weights : (channels, outputs) float64
        Of all products that read the activation, side by side.
    limit : int
        Largest weight code.

    Returns
    -------
    (channels,) float64 > 0, or None where too little is gained
    """
    reach = np.maximum(-seen.low, seen.high)
    largest = np.abs(weights).max(axis=1)
    alive = (reach > 0) & (largest > 0)
    if not alive.any():
        return None
    # What was small on a few requests need not stay so: only the large half is told apart.
    reach = np.maximum(reach, np.median(reach[alive]))
    alive = largest > 0
    best, least = None, WORTH * _error(np.ones(len(reach)), seen, weights, limit)
    for share in SHARES:
        scales = np.ones(len(reach))
        scales[alive] = reach[alive] ** share / largest[alive] ** (1.0 - share)
        middle = np.median(scales[alive])
        scales[alive] = np.clip(scales[alive] / middle, 1e-3, 1e3)
        error = _error(scales, seen, weights, limit)
        if error < least:
            best, least = scales, error
    return best


def _error(scales: Vector, seen: Channels, weights: Matrix, limit: int) -> float:
    """Predict the squared error of the products: rounding of activations and of weights."""
    step = ((seen.high / scales).max() - (seen.low / scales).min()) / 255
    scaled = weights * scales[:, None]
    steps = np.abs(scaled).max(axis=0) / limit
    activations = step**2 * np.square(scaled).sum()
    stored = np.square(steps).sum() * (seen.square / scales**2).sum()
    return float(activations + stored) / 12


def _equalize(editor: Editor, tensor: str, reading: set[str], seen: Channels, limit: int) -> None:
    nodes = {node.name: node for node in editor.nodes}
    cuts = [cut for name in sorted(reading) if (cut := weights_of(editor, nodes[name]))]
    stored = np.hstack([_stored(editor, cut, rows_first=True) for cut in cuts])
    before = _layer_before(editor, tensor, reading)
    scales = choose_scales(seen, stored, limit)
    if scales is None:
        return
    if before:
        for cut in before:
            _scale(editor, cut, 1.0 / scales)
    else:
        factors = editor.store(f"{tensor}.factors", (1.0 / scales).astype(np.float32))
        even = editor.fresh(f"{tensor}.even")
        first = next(node for node in editor.nodes if node.name in reading)
        mul = helper.make_node("Mul", [tensor, factors], [even], name=even)
        editor.insert([mul], before=first)
        for cut in cuts:
            editor.set_input(nodes[cut.node], 0, even)
    for cut in cuts:
        _scale(editor, cut, scales)


def _layer_before(editor: Editor, tensor: str, reading: Iterable[str]) -> tuple[Cut, ...]:
    """Find the weights and bias that make ``tensor``, if only ``reading`` would notice a change."""
    readers = editor.readers(tensor)
    if tensor in editor.outputs or {reader.name for reader in readers} != set(reading):
        return ()
    if any(tensor in reader.input[1:] for reader in readers):
        return ()  # a Gemm that adds what it multiplies
    bend = editor.maker(tensor)
    if bend is None or bend.op_type not in HOMOGENEOUS:
        return ()
    for node in editor.nodes:
        weights = weights_of(editor, node)
        if weights is None:
            continue
        bias, output = bias_of(editor, node)
        unread = output not in editor.outputs and len(editor.readers(output)) == 1
        if output == bend.input[0] and unread and (bias or len(node.input) == 2):
            columns = Cut(weights.node, weights.place, 1 - weights.axis, 0)
            return (columns, bias) if bias else (columns,)
    return ()


def _stored(editor: Editor, cut: Cut, *, rows_first: bool) -> Matrix:
    node = next(node for node in editor.nodes if node.name == cut.node)
    stored = editor.constant(node.input[cut.place])
    if stored is None:
        raise ValueError(f"{cut.node} has no stored input {cut.place}")
    return np.asarray(stored.T if rows_first and cut.axis else stored, np.float64)


def _scale(editor: Editor, cut: Cut, factors: Vector) -> None:
    node = next(node for node in editor.nodes if node.name == cut.node)
    stored = _stored(editor, cut, rows_first=False)
    shape = [-1 if axis == cut.axis else 1 for axis in range(stored.ndim)]
    scaled = (stored * factors.reshape(shape)).astype(np.float32)
    editor.set_input(node, cut.place, editor.store(node.input[cut.place], scaled))
