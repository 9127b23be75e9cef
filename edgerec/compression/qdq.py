"""Nodes of the QDQ form: ``QuantizeLinear`` and ``DequantizeLinear`` around plain operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import NodeProto, helper

from edgerec.compression.calibration import Range
from edgerec.compression.codes import BiasCodes, Codes
from edgerec.errors import UnsupportedOperator
from edgerec.graph.editor import Editor

__all__ = ["Rounding", "dequantize", "require_opset"]

PER_AXIS_OPSET = 13


def require_opset(editor: Editor) -> None:
    """Raise unless ``DequantizeLinear`` knows axes."""
    if editor.opset < PER_AXIS_OPSET:
        raise UnsupportedOperator(
            f"INT8 needs opset {PER_AXIS_OPSET} or later, the graph has {editor.opset}: "
            "export it again"
        )


def dequantize(editor: Editor, base: str, codes: Codes | BiasCodes, axis: int | None) -> NodeProto:
    """Store codes and scales, and make the node that multiplies them; its output is new."""
    stored = [
        editor.store(f"{base}.codes", codes.codes),
        editor.store(f"{base}.scales", codes.scales),
        editor.store(f"{base}.zeros", np.zeros(codes.scales.shape, codes.codes.dtype)),
    ]
    node = _node("DequantizeLinear", stored, editor.fresh(f"{base}.rounded"))
    if axis is not None:
        node.attribute.append(helper.make_attribute("axis", axis))
    return node


class Rounding:
    """Activations rounded to uint8 and back, each tensor once.

    Parameters
    ----------
    editor : Editor
    ranges : mapping of str to Range
        By tensor.
    """

    def __init__(self, editor: Editor, ranges: Mapping[str, Range]) -> None:
        self._editor = editor
        self._ranges = ranges
        self._made: dict[str, str] = {}

    def of(self, tensor: str) -> str:
        """Name the rounded form of ``tensor``; its nodes are put before the first reader.

        At the first call something must read ``tensor``.
        """
        if tensor not in self._made:
            rounded = self._editor.fresh(f"{tensor}.rounded")
            first = self._editor.readers(tensor)[0]
            self._editor.insert(self.nodes(tensor, tensor, rounded), before=first)
            self._made[tensor] = rounded
        return self._made[tensor]

    def nodes(self, tensor: str, source: str, result: str) -> list[NodeProto]:
        """Make the two nodes from ``source`` to ``result``, with the range of ``tensor``."""
        editor, found = self._editor, self._ranges[tensor]
        scale = editor.store(f"{tensor}.scale", np.asarray(found.scale))
        zero = editor.store(f"{tensor}.zero_point", np.asarray(found.zero_point))
        codes = editor.fresh(f"{tensor}.codes")
        return [
            _node("QuantizeLinear", [source, scale, zero], codes),
            _node("DequantizeLinear", [codes, scale, zero], result),
        ]

    def scale(self, tensor: str) -> np.float32:
        """Scale of the rounded form."""
        return self._ranges[tensor].scale


def _node(operator: str, inputs: Sequence[str], output: str) -> NodeProto:
    return helper.make_node(operator, inputs, [output], name=output)
