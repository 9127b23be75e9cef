"""What a graph costs to run: multiply-adds of its matrix products."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TypeGuard

from onnx import ModelProto, NodeProto

from edgerec.graph.editor import attribute
from edgerec.graph.load import parse_graph
from edgerec.graph.shapes import Shape, infer_types, shape_of

__all__ = ["DEFAULT_SIZE", "multiply_adds"]

DEFAULT_SIZE = 100
"""Size of a free dimension that the caller does not give."""
Shapes = Mapping[str, tuple[int, ...]]


def multiply_adds(graph: bytes, sizes: Mapping[str, int] | None = None) -> int:
    """Multiply-adds of every ``MatMul`` and ``Gemm`` in one run; those in subgraphs not counted.

    Parameters
    ----------
    graph : bytes
        Serialised ``ModelProto``.
    sizes : mapping of str to int, optional
        Size of each free dimension by name; 100 for those not given.

    Returns
    -------
    int
        Two floating-point operations each. A product whose shapes inference cannot tell counts as
        one row times its stored matrix.
    """
    model = parse_graph(graph)
    _fix_sizes(model, sizes or {})
    shapes = _shapes(model)
    return sum(
        _product(node, shapes) for node in model.graph.node if node.op_type in ("MatMul", "Gemm")
    )


def _fix_sizes(model: ModelProto, sizes: Mapping[str, int]) -> None:
    for value in model.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = sizes.get(dim.dim_param, DEFAULT_SIZE)
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _shapes(model: ModelProto) -> Shapes:
    shapes = {name: shape_of(value) for name, value in infer_types(model).items()}
    return {name: shape for name, shape in shapes.items() if _known(shape)}


def _known(shape: Shape | None) -> TypeGuard[tuple[int, ...]]:
    return shape is not None and all(isinstance(size, int) for size in shape)


def _product(node: NodeProto, shapes: Shapes) -> int:
    left, right = shapes.get(node.input[0]), shapes.get(node.input[1])
    if right is None:
        return 0
    if node.op_type == "Gemm" and left is not None:
        rows = left[1] if attribute(node, "transA", 0) else left[0]
        return rows * prod(right)
    out = shapes.get(node.output[0])
    if left is None or out is None:
        return prod(right)
    return prod(out) * left[-1]
