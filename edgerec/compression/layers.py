"""The weights of products that read a hidden width: read, fitted anew, written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from edgerec.graph.editor import Editor
from edgerec.graph.widths import Consumer, Cut, Width, narrow
from edgerec.values.model import Model

__all__ = ["Kept", "left_over", "read_weights", "refitted", "with_weights"]

Matrix = NDArray[np.float64]
Kept = Mapping[Width, NDArray[np.int64]]
"""Channels to keep of each width, ascending."""


def refitted(model: Model, kept: Kept, weights: Mapping[Consumer, Matrix]) -> Model:
    """Narrow a model, and give its consumers other weights.

    Parameters
    ----------
    model : Model
    kept : mapping of Width to (n,) int64
    weights : mapping of Consumer to (p, outputs) float64
        For all inputs that the consumer had, a bias last; those of removed channels are not used.
    """
    narrowed = replace(model, graph=narrow(model.graph, kept))
    return with_weights(
        narrowed, {c: full[left_over(c.node, kept, len(full))] for c, full in weights.items()}
    )


def left_over(node: str, kept: Kept, inputs: int) -> NDArray[np.int64]:
    """List the inputs of a consumer that are still there; a bias counts as one."""
    rows = np.ones(inputs, bool)
    for width, channels in kept.items():
        for consumer in width.consumers:
            if consumer.node == node:
                cut = slice(consumer.offset, consumer.offset + width.size)
                rows[cut] = np.isin(np.arange(width.size), channels)
    return np.flatnonzero(rows)


def read_weights(editor: Editor, consumer: Consumer) -> Matrix:
    """Weights of a product as (inputs, outputs) float64, with its bias as last row."""
    nodes = {node.name: node for node in editor.nodes}
    parts = []
    for cut in (consumer.cut, consumer.bias):
        stored = None if cut is None else editor.constant(nodes[cut.node].input[cut.place])
        if cut is not None and stored is not None:
            parts.append(np.atleast_2d(stored.T if cut.axis else stored).astype(np.float64))
    return np.vstack(parts)


def with_weights(model: Model, weights: Mapping[Consumer, Matrix]) -> Model:
    """Give products other weights of the same shape, as :func:`read_weights` gives them."""
    editor = Editor(model.graph)
    nodes = {node.name: node for node in editor.nodes}
    for consumer, full in weights.items():
        matrix = full if consumer.bias is None else full[:-1]
        _set(editor, nodes, consumer.cut, matrix.T if consumer.cut.axis else matrix)
        if consumer.bias is not None:
            _set(editor, nodes, consumer.bias, full[-1])
    return replace(model, graph=editor.finish())


def _set(editor: Editor, nodes: Mapping[str, NodeProto], cut: Cut, stored: Matrix) -> None:
    node = nodes[cut.node]
    name = editor.store(node.input[cut.place], stored.astype(np.float32))
    editor.set_input(node, cut.place, name)
