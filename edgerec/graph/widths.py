"""Hidden widths: channels between a product that makes them and the products that use them.

A *width* starts at the output columns of a ``MatMul`` or ``Gemm`` with stored weights, passes
through operators that treat each channel alone, and ends in the input rows of other products with
stored weights. Removing a channel everywhere in between leaves what the others compute unchanged,
up to what the removed channel contributed. A width that reaches an output, a normalisation, a
reshape or a residual sum is fixed by something else and is not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from edgerec.graph.editor import Editor, attribute

__all__ = ["Consumer", "Cut", "Width", "find_widths", "narrow"]

CHANNELWISE = frozenset(
    {"Abs", "Celu", "Clip", "Dropout", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish"}
    | {"Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Selu", "Sigmoid"}
    | {"Sign", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu"}
)
"""One output channel from the same input channel; further inputs are scalars."""
PAIRWISE = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Max", "Min"})


@dataclass(frozen=True, slots=True)
class Cut:
    """A stored tensor that holds the channels: input ``place`` of ``node``, from ``offset``."""

    node: str
    place: int
    axis: int
    offset: int


@dataclass(frozen=True, slots=True)
class Consumer:
    """A product that reads the channels.

    Parameters
    ----------
    node : str
        Name of the ``MatMul`` or ``Gemm``.
    tensor : str
        Its input; channels are ``offset:offset + width`` of the last axis.
    offset : int
    output : str
        The product, with its bias where it has one.
    cut : Cut
        Its weights.
    bias : Cut, optional
        A stored vector that is added to the product and nothing else.
    """

    node: str
    tensor: str
    offset: int
    output: str
    cut: Cut
    bias: Cut | None


@dataclass(frozen=True, slots=True)
class Width:
    """``size`` channels, named after the node that makes them."""

    name: str
    size: int
    cuts: tuple[Cut, ...]
    consumers: tuple[Consumer, ...]


def find_widths(graph: bytes) -> tuple[Width, ...]:
    """List the widths that can be narrowed, in topological order of their makers."""
    editor = Editor(graph)
    found = (_Walk(editor, node).width() for node in editor.nodes if weights_of(editor, node))
    return tuple(width for width in found if width is not None)


def narrow(graph: bytes, kept: Mapping[Width, NDArray[np.int64]]) -> bytes:
    """Rebuild the graph with the given channels of each width only.

    Parameters
    ----------
    graph : bytes
        The one that the widths were found in.
    kept : mapping of Width to (n,) int64
        Channels to keep, ascending, at least one; widths that are not named stay as they are.

    Returns
    -------
    bytes
        A smaller graph; equal to ``graph`` with the removed channels' rows in each consumer set
        to 0, up to the order of summation.
    """
    editor = Editor(graph)
    removed: dict[tuple[str, int, int], list[NDArray[np.int64]]] = {}
    for width, channels in kept.items():
        gone = np.setdiff1d(np.arange(width.size), channels)
        for cut in (*width.cuts, *(consumer.cut for consumer in width.consumers)):
            removed.setdefault((cut.node, cut.place, cut.axis), []).append(gone + cut.offset)
    nodes = {node.name: node for node in editor.nodes}
    for (name, place, axis), rows in removed.items():
        node = nodes[name]
        stored = editor.constant(node.input[place])
        if stored is not None:
            smaller = np.delete(stored, np.concatenate(rows), axis=axis)
            editor.set_input(node, place, editor.store(node.input[place], smaller))
    return editor.finish()


def weights_of(editor: Editor, node: NodeProto) -> Cut | None:
    """Find the stored matrix of a product; ``axis`` is that of its inputs (rows)."""
    if node.op_type not in ("MatMul", "Gemm") or node.domain not in ("", "ai.onnx"):
        return None
    weights = editor.constant(node.input[1])
    plain = weights is not None and weights.ndim == 2 and weights.dtype == np.float32
    if not plain or editor.constant(node.input[0]) is not None or attribute(node, "transA", 0):
        return None
    if attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0:
        return None
    return Cut(node.name, 1, 1 if attribute(node, "transB", 0) else 0, 0)


def bias_of(editor: Editor, node: NodeProto) -> tuple[Cut | None, str]:
    """Find the stored vector that is added to a product, and the sum; the product without one.

    It stands in a ``Gemm``, or in an ``Add`` that is the product's only reader.
    """
    product = node.output[0]
    if node.op_type == "Gemm":
        return (_vector(editor, node, node, 2) if len(node.input) > 2 else None), product
    readers = editor.readers(product)
    if len(readers) == 1 and readers[0].op_type == "Add" and product not in editor.outputs:
        place = 1 if readers[0].input[0] == product else 0
        cut = _vector(editor, node, readers[0], place)
        if cut is not None:
            return cut, readers[0].output[0]
    return None, product


def _vector(editor: Editor, product: NodeProto, reader: NodeProto, place: int) -> Cut | None:
    stored = editor.constant(reader.input[place])
    if stored is None or stored.shape != (_columns(editor, product),):
        return None
    return Cut(reader.name, place, 0, 0)


def _columns(editor: Editor, node: NodeProto) -> int:
    stored = editor.constant(node.input[1])
    return 0 if stored is None else stored.shape[0 if attribute(node, "transB", 0) else 1]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where the channels lie in a tensor: from ``offset`` of a last axis of size ``total``."""

    offset: int
    total: int


class _Coupled(Exception):
    """The width is fixed by something else."""


class _Walk:
    """Follows the channels of one product through the graph."""

    def __init__(self, editor: Editor, maker: NodeProto) -> None:
        self._editor = editor
        self._maker = maker
        self._size = _columns(editor, maker)
        self._slots = {maker.output[0]: _Slot(0, self._size)}
        self._consumers: list[Consumer] = []
        self._cuts = [Cut(maker.name, 1, 0 if attribute(maker, "transB", 0) else 1, 0)]

    def width(self) -> Width | None:
        """Follow them all; None where something fixes the width."""
        try:
            if len(self._maker.input) > 2:
                self._cut_vector(self._maker, 2, self._slots[self._maker.output[0]])
            for node in self._editor.nodes:
                if any(name in self._slots for name in node.input):
                    self._pass(node)
        except _Coupled:
            return None
        if self._size < 2 or not self._consumers or self._is_seen_outside():
            return None
        return Width(self._maker.name, self._size, tuple(self._cuts), tuple(self._consumers))

    def _is_seen_outside(self) -> bool:
        """Whether the channels leave the graph, or a subgraph reads them."""
        return any(
            tensor in self._editor.outputs
            or any(tensor not in reader.input for reader in self._editor.readers(tensor))
            for tensor in self._slots
        )

    def _pass(self, node: NodeProto) -> None:
        if node.op_type in CHANNELWISE:
            masks = any(self._editor.readers(output) for output in node.output[1:])
            if masks or not all(self._is_scalar(name) for name in node.input[1:] if name):
                raise _Coupled
            self._slots[node.output[0]] = self._slots[node.input[0]]
        elif node.op_type in PAIRWISE:
            self._pairwise(node)
        elif node.op_type == "Concat":
            self._concat(node)
        elif node.op_type in ("MatMul", "Gemm"):
            self._product(node)
        else:
            raise _Coupled

    def _pairwise(self, node: NodeProto) -> None:
        slots = {self._slots[name] for name in node.input if name in self._slots}
        if len(slots) != 1:
            raise _Coupled
        (slot,) = slots
        for place, name in enumerate(node.input):
            if name not in self._slots and not self._is_scalar(name):
                self._cut_vector(node, place, slot)
        self._slots[node.output[0]] = slot

    def _cut_vector(self, node: NodeProto, place: int, slot: _Slot) -> None:
        """Note a stored tensor whose last axis runs along the channels."""
        stored = self._editor.constant(node.input[place])
        if stored is None or (stored.ndim and stored.shape[-1] not in (1, slot.total)):
            raise _Coupled
        if stored.ndim and stored.shape[-1] == slot.total:
            self._cuts.append(Cut(node.name, place, stored.ndim - 1, slot.offset))

    def _is_scalar(self, name: str) -> bool:
        """Whether it is the same for every channel of a row."""
        stored = self._editor.constant(name)
        shape = self._editor.shape(name) if stored is None else stored.shape
        return shape is not None and (shape == () or shape[-1] == 1)

    def _is_matrix(self, name: str) -> bool:
        return (self._editor.rank(name) or 0) >= 2

    def _concat(self, node: NodeProto) -> None:
        rank, axis = self._editor.rank(node.output[0]), attribute(node, "axis")
        sources = [name for name in node.input if name in self._slots]
        if len(sources) != 1 or rank is None or axis not in (-1, rank - 1):
            raise _Coupled
        sizes = [self._last(name) for name in node.input]
        before = sum(sizes[: list(node.input).index(sources[0])])
        offset = before + self._slots[sources[0]].offset
        self._slots[node.output[0]] = _Slot(offset, sum(sizes))

    def _last(self, name: str) -> int:
        shape = self._editor.shape(name)
        if not shape or not isinstance(shape[-1], int):
            raise _Coupled
        return shape[-1]

    def _product(self, node: NodeProto) -> None:
        fed = [place for place, name in enumerate(node.input) if name in self._slots]
        weights = weights_of(self._editor, node)
        if fed == [0] and weights is not None:
            slot = self._slots[node.input[0]]
            cut = Cut(node.name, 1, weights.axis, slot.offset)
            bias, output = bias_of(self._editor, node)
            self._consumers.append(
                Consumer(node.name, node.input[0], slot.offset, output, cut, bias)
            )
        elif fed == [1] and not attribute(node, "transB", 0) and self._is_matrix(node.input[1]):
            self._slots[node.output[0]] = self._slots[node.input[1]]  # rows mixed, columns kept
            if len(node.input) > 2:
                self._cut_vector(node, 2, self._slots[node.input[1]])
        else:
            raise _Coupled
