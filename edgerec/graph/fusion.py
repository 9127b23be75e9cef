"""Fewer and smaller operators that compute the same: what an engine's own optimiser leaves.

Attention with one head is a chain of matrix products, and a chain may be bracketed anew:

- *keys*: ``(x Wq + bq)(y Wk + bk)ᵀ`` before a softmax is ``(x WqWkᵀ + bqWkᵀ) yᵀ``, and no keys are
  made.  What ``bk`` adds is the same for every key, and a softmax does not see it.
- *values*: ``softmax(s)(y Wv + bv) Wo + bo`` is ``softmax(s)(y WvWo + bvWo + bo)``, or, where one
  row asks, ``(softmax(s) y) WvWo + bvWo + bo``, and no values are made.  A softmax's row sums to 1,
  so that a bias passes through it.
- *sums*: ``a b + c`` is one ``Gemm``.
- *lengths*: a vector of one length is not made a scalar to be made a vector again.

All of it is standard ONNX.  Products of weights are taken in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from edgerec.graph.editor import Editor, attribute

__all__ = ["fuse"]

Matrix = NDArray[np.float64]


def fuse(graph: bytes) -> bytes:
    """Rewrite single-head attention, sums and lengths.

    Parameters
    ----------
    graph : bytes
        ONNX ``ModelProto``; what matches no pattern stays as it is.

    Returns
    -------
    bytes
        Equal to ``graph`` up to float32 rounding: within 1e-5 where activations are of order 1.

    Raises
    ------
    InvalidInput
        Not a valid model.
    """
    editor = Editor(graph)
    for node in editor.nodes:
        if _normalises_rows(editor, node):
            _absorb_keys(editor, node)
            _absorb_values(editor, node)
    for node in editor.nodes:
        if node.op_type == "Add":
            _accumulate(editor, node)
    for node in editor.nodes:
        if node.op_type == "Reshape":
            _keep_vector(editor, node)
    return editor.finish()


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """``source @ weight + bias``; ``weight`` (inputs, outputs), ``bias`` (outputs,)."""

    source: str
    weight: Matrix
    bias: Matrix


def _affine(editor: Editor, node: NodeProto | None) -> Affine | None:
    """Read a node as an affine map of one tensor."""
    if node is None or node.op_type != "Gemm" or attribute(node, "transA", 0):
        return None
    weight = editor.constant(node.input[1])
    stored = editor.constant(node.input[2]) if len(node.input) > 2 else np.zeros(1)
    if weight is None or stored is None:
        return None
    weight = weight.T if attribute(node, "transB", 0) else weight
    scaled = weight.astype(np.float64) * attribute(node, "alpha", 1.0)
    bias = stored.astype(np.float64) * attribute(node, "beta", 1.0)
    if bias.size not in (1, weight.shape[1]):
        return None  # a matrix: each row has its own
    return Affine(node.input[0], scaled, np.broadcast_to(bias.ravel(), weight.shape[1:]))


def _normalises_rows(editor: Editor, node: NodeProto) -> bool:
    matrix = node.op_type == "Softmax" and editor.rank(node.output[0]) == 2
    return matrix and attribute(node, "axis", -1) in (-1, 1)


def _absorb_keys(editor: Editor, softmax: NodeProto) -> None:
    product = _product_below(editor, softmax)
    if product is None or attribute(product, "transA", 0):
        return
    query = _affine(editor, _sole(editor, product.input[0]))
    turned = None
    if not attribute(product, "transB", 0):
        turned = _sole(editor, product.input[1], "Transpose")
        if turned is None:
            return
    key = _affine(editor, _sole(editor, turned.input[0] if turned else product.input[1]))
    if query is None or key is None or key.weight.shape[0] > key.weight.shape[1]:
        return
    across = key.weight.T
    asked = _gemm(editor, query.source, query.weight @ across, query.bias @ across)
    editor.insert([asked], before=product)
    editor.set_input(product, 0, asked.output[0])
    if turned is None:
        editor.set_input(product, 1, key.source)
    else:
        editor.set_input(turned, 0, key.source)


def _product_below(editor: Editor, softmax: NodeProto) -> NodeProto | None:
    """Find the matrix product that a softmax normalises, with something added to it or not."""
    total = _sole(editor, softmax.input[0], "Add")
    below = softmax.input[:1] if total is None else total.input
    makers = (_sole(editor, tensor) for tensor in below)
    return next((node for node in makers if node and node.op_type in ("MatMul", "Gemm")), None)


def _absorb_values(editor: Editor, softmax: NodeProto) -> None:
    weights = softmax.output[0]
    mixed = _sole_reader(editor, weights, "MatMul")
    final = mixed and _sole_reader(editor, mixed.output[0], "Gemm")
    if mixed is None or final is None or mixed.input[0] != weights:
        return
    value, out = _affine(editor, _sole(editor, mixed.input[1])), _affine(editor, final)
    if value is None or out is None or out.source != mixed.output[0]:
        return
    (inputs, width), outputs = value.weight.shape, out.weight.shape[1]
    if inputs * outputs > width * (inputs + outputs):
        return
    weight, bias = value.weight @ out.weight, value.bias @ out.weight + out.bias
    if _is_row(editor, weights):
        editor.set_input(mixed, 1, value.source)
        joint = _gemm(editor, mixed.output[0], weight, bias)
        joint.output[0] = final.output[0]
        editor.replace(final, [joint])
    else:
        made = _gemm(editor, value.source, weight, bias)
        editor.insert([made], before=mixed)
        ends = _node(editor, "MatMul", [weights, made.output[0]])
        ends.output[0] = final.output[0]
        editor.replace(final, [ends])


def _is_row(editor: Editor, tensor: str) -> bool:
    """Whether a matrix surely has one row: inference knows it, or it goes back to a last row."""
    if (editor.shape(tensor) or (None,))[0] == 1:
        return True
    maker = editor.maker(tensor)
    if maker is None:
        return False
    if maker.op_type in ("Gemm", "LayerNormalization", "MatMul", "Relu", "Softmax"):
        return not attribute(maker, "transA", 0) and _is_row(editor, maker.input[0])
    if maker.op_type != "Slice" or len(maker.input) < 4:
        return False
    start, end, axis = (editor.constant(name) for name in maker.input[1:4])
    if start is None or end is None or axis is None:
        return False
    return (start.tolist(), axis.tolist()) == ([-1], [0]) and int(end[0]) > 2**30


def _accumulate(editor: Editor, total: NodeProto) -> None:
    """Make ``a b + c`` one ``Gemm`` where ``c`` spreads over the product and not the reverse."""
    for place in (0, 1):
        product, added = _sole(editor, total.input[place], "MatMul"), total.input[1 - place]
        if product and _spreads(editor.shape(added), editor.shape(product.output[0])):
            break
    else:
        return
    matrices = all(editor.rank(tensor) in (2, None) for tensor in product.input)
    if not matrices or not editor.is_float(added):
        return
    second, turned = product.input[1], _sole(editor, product.input[1], "Transpose")
    if turned is not None:
        second = turned.input[0]
    joint = _node(editor, "Gemm", [product.input[0], second, added], transB=int(turned is not None))
    joint.output[0] = total.output[0]
    editor.replace(total, [joint])


def _keep_vector(editor: Editor, reshape: NodeProto) -> None:
    """Make ``Reshape(c - Squeeze(v), [1])`` plain ``c - v`` where ``v`` has one element."""
    arithmetic = _sole(editor, reshape.input[0])
    if arithmetic is None or arithmetic.op_type not in ("Add", "Sub", "Mul"):
        return
    if editor.rank(arithmetic.output[0]) != 0 or editor.rank(reshape.output[0]) != 1:
        return
    vectors = []
    for tensor in arithmetic.input:
        squeeze = editor.maker(tensor)
        if squeeze is not None and squeeze.op_type == "Squeeze":
            vectors.append(squeeze.input[0])
        elif editor.constant(tensor) is not None:
            vectors.append(tensor)
    if len(vectors) != 2 or not any(editor.shape(tensor) == (1,) for tensor in vectors):
        return
    direct = _node(editor, arithmetic.op_type, vectors)
    direct.output[0] = reshape.output[0]
    editor.replace(reshape, [direct])


def _sole(editor: Editor, tensor: str, operator: str | None = None) -> NodeProto | None:
    """Return the maker of ``tensor``, where one node alone reads it and it is no output."""
    maker = editor.maker(tensor)
    if maker is None or operator not in (None, maker.op_type):
        return None
    alone = len(editor.readers(tensor)) == 1 and tensor not in editor.outputs
    return maker if alone else None


def _sole_reader(editor: Editor, tensor: str, operator: str) -> NodeProto | None:
    """Return the one reader of ``tensor``, where it is ``operator`` and the tensor is no output."""
    readers = editor.readers(tensor)
    alone = len(readers) == 1 and tensor not in editor.outputs
    return readers[0] if alone and readers[0].op_type == operator else None


def _spreads(
    small: tuple[int | str | None, ...] | None, large: tuple[int | str | None, ...] | None
) -> bool:
    """Whether a tensor of shape ``small`` broadcasts to the matrix ``large``."""
    if small is None or large is None or len(large) != 2 or len(small) > 2:
        return False
    tail = large[len(large) - len(small) :]
    return all(a == 1 or (a == b and a is not None) for a, b in zip(small, tail, strict=True))


def _gemm(editor: Editor, source: str, weight: Matrix, bias: Matrix) -> NodeProto:
    constants = (weight.astype(np.float32), bias.astype(np.float32))
    stored = [editor.store("fused", array) for array in constants]
    return _node(editor, "Gemm", [source, *stored])


def _node(editor: Editor, operator: str, inputs: list[str], **attributes: Any) -> NodeProto:
    name = editor.fresh(f"fused_{operator}")
    return helper.make_node(operator, inputs, [name], name=name, **attributes)
