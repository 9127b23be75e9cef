"""INT8 everywhere, one scale a tensor: what not to do, kept so that the gate has work."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import NodeProto

from edgerec.compression.calibration import Range
from edgerec.compression.codes import encode
from edgerec.compression.qdq import Rounding, dequantize
from edgerec.compression.static_int8 import find_products, round_products
from edgerec.compression.weight_int8 import compress_tables, find_tables
from edgerec.graph.editor import Editor

__all__ = ["find_roundable", "round_everything"]

LIMIT = 127
ROUNDED = frozenset(
    {"Add", "Concat", "Gemm", "LeakyRelu", "MatMul", "Mul", "Relu", "Sigmoid", "Sub", "Tanh"}
)


def find_roundable(editor: Editor) -> tuple[str, ...]:
    """List the computed float32 tensors that operators of the naive form read or make."""
    names = [
        name
        for node in editor.nodes
        if node.op_type in ROUNDED
        for name in (*node.input, *node.output)
        if editor.constant(name) is None and _fits(editor, name)
    ]
    return tuple(dict.fromkeys([*names, *(name for name in editor.outputs if _fits(editor, name))]))


def round_everything(editor: Editor, ranges: Mapping[str, Range]) -> tuple[str, ...]:
    """Round all that operators in ``ROUNDED`` read, the outputs, and stored tables.

    Returns the names of the nodes that read something rounded.
    """
    rounding = Rounding(editor, ranges)
    products = [p for p in find_products(editor, ()) if p.tensor in ranges]
    round_products(editor, products, rounding, LIMIT, per_output=False)
    touched = [product.node for product in products]
    tables = find_tables(editor, ())
    compress_tables(editor, tables, per_row=False)
    touched += [table.name for table in tables]
    for node in editor.nodes:
        if node.op_type in ROUNDED and node.name not in touched:
            for place, name in enumerate(node.input):
                if name in ranges:
                    editor.set_input(node, place, rounding.of(name))
                else:
                    _round_stored(editor, node, place)
            touched.append(node.name)
    for name in editor.outputs:
        if name in ranges:
            _round_output(editor, name, rounding)
    return tuple(touched)


def _fits(editor: Editor, name: str) -> bool:
    return editor.is_float(name) and editor.rank(name) is not None


def _round_output(editor: Editor, name: str, rounding: Rounding) -> None:
    maker = editor.maker(name)
    if maker is not None:
        made = NodeProto()
        made.CopyFrom(maker)
        plain = editor.fresh(f"{name}.plain")
        made.output[list(made.output).index(name)] = plain
        editor.replace(maker, [made, *rounding.nodes(name, plain, name)])


def _round_stored(editor: Editor, node: NodeProto, place: int) -> None:
    stored = editor.constant(node.input[place])
    if stored is not None and stored.dtype == np.float32:
        codes = dequantize(editor, node.input[place], encode(stored, LIMIT, axis=None), None)
        editor.insert([codes], before=node)
        editor.set_input(node, place, codes.output[0])
