"""Weights as int8, activations left in float32 or scaled row by row by the engine."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from edgerec.compression.codes import encode
from edgerec.compression.qdq import dequantize
from edgerec.compression.static_int8 import Product
from edgerec.graph.editor import Editor, attribute
from edgerec.graph.widths import weights_of

__all__ = ["Table", "block_weights", "compress_tables", "compress_weights", "find_tables"]

LIMIT = 127
BLOCK = 32
"""Weights of a column that share a scale in the blocked form."""
MICROSOFT = "com.microsoft"
SMALL_TABLE = 4096
"""Elements below which a table is not worth three more nodes."""


def compress_weights(editor: Editor, products: Iterable[Product]) -> None:
    """Store weights as int8 with one scale an output; OpenVINO keeps them so in memory."""
    nodes = {node.name: node for node in editor.nodes}
    for product in products:
        node = nodes[product.node]
        stored, cut = editor.constant(node.input[1]), weights_of(editor, node)
        if stored is not None and cut is not None:
            axis = 1 - cut.axis
            weights = dequantize(editor, node.input[1], encode(stored, LIMIT, axis=axis), axis)
            editor.insert([weights], before=node)
            editor.set_input(node, 1, weights.output[0])


def block_weights(editor: Editor, products: Iterable[Product]) -> None:
    """Rewrite products as ONNX Runtime's ``MatMulNBits``: 8 bits, symmetric, blocks of 32.

    It scales the activations of each row and block by itself, so that rows do not meet.
    """
    editor.require(MICROSOFT, 1)
    nodes = {node.name: node for node in editor.nodes}
    for product in products:
        node = nodes[product.node]
        stored, cut = editor.constant(node.input[1]), weights_of(editor, node)
        if stored is not None and cut is not None:
            editor.replace(node, _blocked(editor, node, stored if cut.axis else stored.T))


def _blocked(editor: Editor, node: NodeProto, weights: NDArray[np.float32]) -> list[NodeProto]:
    """``weights`` (outputs, inputs)."""
    outputs, inputs = weights.shape
    blocks = -(-inputs // BLOCK)
    padded = np.zeros((outputs, blocks * BLOCK), np.float32)
    padded[:, :inputs] = weights
    flat = padded.reshape(outputs * blocks, BLOCK)
    codes = encode(flat, LIMIT, axis=0)
    # The engine takes codes and their middle apart and subtracts in float32: what is left of a
    # block of zeros must not be multiplied by 1.
    scales = np.where(flat.any(axis=1), codes.scales, np.float32(0))
    packed = (codes.codes.astype(np.int16) + 128).astype(np.uint8).reshape(outputs, blocks, BLOCK)
    names = [
        editor.store(f"{node.input[1]}.codes", packed),
        editor.store(f"{node.input[1]}.scales", scales),
    ]
    addend = node.input[2] if len(node.input) > 2 else ""
    product = editor.fresh(f"{node.output[0]}.product") if addend else node.output[0]
    new = [
        helper.make_node(
            "MatMulNBits",
            [node.input[0], *names],
            [product],
            name=node.name,
            domain=MICROSOFT,
            K=inputs,
            N=outputs,
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,
        )
    ]
    if addend:
        added = helper.make_node("Add", [product, addend], list(node.output), f"{node.name}.add")
        new.append(added)
    return new


Table = NodeProto
"""A ``Gather`` of rows of a stored float32 matrix."""


def find_tables(editor: Editor, exclude: Iterable[str]) -> tuple[Table, ...]:
    """List the gathers of large stored tables, without those that ``exclude`` names."""
    left = set(exclude)
    found = []
    for node in editor.nodes:
        if node.op_type != "Gather" or node.name in left or attribute(node, "axis", 0) != 0:
            continue
        table = editor.constant(node.input[0])
        if table is None or table.ndim != 2 or table.dtype != np.float32:
            continue
        if table.size >= SMALL_TABLE:
            found.append(node)
    return tuple(found)


def compress_tables(editor: Editor, tables: Iterable[Table], *, per_row: bool = True) -> None:
    """Store tables as int8 rows with a scale each: gather both, then multiply.

    A row of zeros, such as the one of padding, stays zero. Without ``per_row`` all rows have the
    same scale, in the same form: OpenVINO 2026.4 sums int8 rows wrongly where a constant scales
    them.
    """
    stored: dict[str, tuple[str, str]] = {}
    for node in tables:
        name = node.input[0]
        if name not in stored:
            table = editor.constant(name)
            if table is None:
                continue
            codes = encode(table, LIMIT, axis=0 if per_row else None)
            scales = np.broadcast_to(codes.scales, len(table))[:, None]
            stored[name] = (
                editor.store(f"{name}.codes", codes.codes),
                editor.store(f"{name}.scales", scales),
            )
        editor.replace(node, _gathered(editor, node, *stored[name]))


def _gathered(editor: Editor, node: NodeProto, codes: str, scales: str) -> list[NodeProto]:
    ids, output = node.input[1], node.output[0]
    row, cast, scale = (editor.fresh(f"{output}.{part}") for part in ("codes", "cast", "scale"))
    return [
        helper.make_node("Gather", [codes, ids], [row], name=node.name, axis=0),
        helper.make_node("Cast", [row], [cast], name=cast, to=TensorProto.FLOAT),
        helper.make_node("Gather", [scales, ids], [scale], name=scale, axis=0),
        helper.make_node("Mul", [cast, scale], [output], name=f"{node.name}.scale"),
    ]
