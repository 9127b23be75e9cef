"""Static INT8: uint8 activations, int8 weights, in the QDQ form that both engines run in integers.

Only products with stored weights are rounded. Every scale is fixed, so that a row's answer does not
depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from edgerec.compression.codes import BIAS_LIMIT, encode, encode_bias
from edgerec.compression.qdq import Rounding, dequantize
from edgerec.graph.editor import Editor
from edgerec.graph.widths import bias_of, weights_of

__all__ = ["Product", "find_products", "round_products", "spell_out_clips"]

MAX_INPUTS = 2**15
"""Longest sum of products that half of int32 holds: 2**30 / (255 * 127)."""


@dataclass(frozen=True, slots=True)
class Product:
    """A ``MatMul`` or ``Gemm`` with stored weights: its node, its input, the rank of that."""

    node: str
    tensor: str
    rank: int


def find_products(
    editor: Editor, exclude: Iterable[str], *, least_outputs: int = 1
) -> tuple[Product, ...]:
    """List the products that can be rounded, without those that ``exclude`` names.

    Those with fewer than ``least_outputs`` are left out too.
    """
    left = set(exclude)
    products = []
    for node in editor.nodes:
        cut = weights_of(editor, node)
        rank = editor.rank(node.input[0]) if cut else None
        weights = editor.constant(node.input[1]) if cut else None
        if cut is None or weights is None or rank is None or rank < 2 or node.name in left:
            continue
        if weights.shape[cut.axis] <= MAX_INPUTS and weights.shape[1 - cut.axis] >= least_outputs:
            products.append(Product(node.name, node.input[0], rank))
    return tuple(products)


def round_products(
    editor: Editor,
    products: Iterable[Product],
    rounding: Rounding,
    limit: int,
    *,
    per_output: bool = True,
) -> None:
    """Rewrite products.

    A product of matrices becomes a ``Gemm`` with an int32 bias, zeros if need be: the one form that
    ONNX Runtime computes in integers wherever it stands. Of higher rank it stays a ``MatMul``.

    Parameters
    ----------
    editor : Editor
        Changed in place.
    products : iterable of Product
    rounding : Rounding
        Rounds each product's input.
    limit : int
        Largest weight code.
    per_output : bool
        One weight scale an output; else one in all.
    """
    axis = 1 if per_output else None
    nodes = {node.name: node for node in editor.nodes}
    for product in products:
        node = nodes[product.node]
        left = rounding.of(product.tensor)
        if product.rank == 2:
            _round_matrix(editor, nodes, node, left, rounding.scale(product.tensor), limit, axis)
        else:
            codes = encode(_weights(editor, node), limit, axis=axis)
            right = dequantize(editor, node.input[1], codes, axis)
            inputs, output = [left, right.output[0]], list(node.output)
            new = helper.make_node("MatMul", inputs, output, name=node.name)
            editor.replace(node, [right, new])


def spell_out_clips(editor: Editor, products: Iterable[Product]) -> None:
    """Write ``Relu`` and ``Clip`` behind rounded products as ``Max`` and ``Min``, where it matters.

    ONNX Runtime 1.32 takes a lone ``Relu`` or ``Clip`` behind a product for a part of the rounding
    of its result. Where no rounding follows, it gives up, and computes the product in float32.
    """
    makers = {node.name: node for node in editor.nodes}
    for product in products:
        readers = editor.readers(makers[product.node].output[0])
        if len(readers) == 1 and readers[0].op_type in ("Relu", "Clip"):
            behind = editor.readers(readers[0].output[0])
            if len(behind) == 1 and behind[0].op_type != "QuantizeLinear":
                editor.replace(readers[0], _spelled_out(editor, readers[0]))


def _spelled_out(editor: Editor, clip: NodeProto) -> list[NodeProto]:
    low, high = (*clip.input[1:], "", "")[:2]
    if clip.op_type == "Relu":
        low = editor.store(f"{clip.output[0]}.low", np.zeros((), np.float32))
    bounds = [(kind, bound) for kind, bound in (("Max", low), ("Min", high)) if bound]
    source, new = clip.input[0], []
    for place, (kind, bound) in enumerate(bounds):
        last = place == len(bounds) - 1
        output = clip.output[0] if last else editor.fresh(f"{clip.output[0]}.{kind}")
        new.append(helper.make_node(kind, [source, bound], [output], name=f"{clip.name}.{kind}"))
        source = output
    return new or [helper.make_node("Identity", [source], list(clip.output), name=clip.name)]


def _round_matrix(
    editor: Editor,
    nodes: Mapping[str, NodeProto],
    node: NodeProto,
    left: str,
    scale: np.float32,
    limit: int,
    axis: int | None,
) -> None:
    cut, output = bias_of(editor, node)
    weights = _weights(editor, node)
    bias_name = f"{node.name}.bias" if cut is None else nodes[cut.node].input[cut.place]
    bias = None if cut is None else editor.constant(bias_name)
    added = node.input[2] if bias is None and len(node.input) > 2 else ""
    if bias is None:
        bias = np.zeros(weights.shape[1], np.float32)
    codes = encode(weights, limit, axis=axis, floor=_floor(bias, scale, axis))
    new = [
        dequantize(editor, node.input[1], codes, axis),
        dequantize(
            editor,
            bias_name,
            encode_bias(bias, scale, codes.scales),
            None if axis is None else 0,
        ),
    ]
    result = editor.fresh(f"{output}.product") if added else output
    inputs = [left, *(made.output[0] for made in new)]
    new.append(helper.make_node("Gemm", inputs, [result], name=node.name))
    if added:  # what a Gemm adds that is not a stored vector
        new.append(helper.make_node("Add", [result, added], [output], name=f"{node.name}.add"))
    if cut is not None and cut.node != node.name:
        editor.replace(nodes[cut.node], [])
    editor.replace(node, new)


def _floor(
    bias: NDArray[np.float32], scale: np.float32, axis: int | None
) -> NDArray[np.float64] | float:
    """Find the smallest weight scales with which the bias fits int32."""
    floor = np.abs(bias.astype(np.float64)) / (float(scale) * BIAS_LIMIT)
    return floor if axis is not None else float(floor.max())


def _weights(editor: Editor, node: NodeProto) -> NDArray[np.float32]:
    """Give the stored weights as (inputs, outputs)."""
    stored, cut = editor.constant(node.input[1]), weights_of(editor, node)
    if stored is None or cut is None:
        raise ValueError(f"{node.name} is not a product with stored weights")
    return stored.T if cut.axis else stored
