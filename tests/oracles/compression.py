"""Slow references for pruning and INT8, from their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

__all__ = [
    "error_without",
    "evaluate",
    "fit_towards",
    "integer_product",
    "multiply_adds_of_layers",
    "with_zeroed_rows",
]

Matrix = NDArray[np.float64]


def evaluate(graph: bytes, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Outputs of a graph by ONNX's own evaluator."""
    model = onnx.load_from_string(graph)
    with np.errstate(over="ignore", invalid="ignore"):  # its sigmoid computes both branches
        values = ReferenceEvaluator(model).run(None, dict(inputs))
    return dict(zip((o.name for o in model.graph.output), values, strict=True))


def with_zeroed_rows(graph: bytes, node: str, axis: int, rows: NDArray[np.int64]) -> bytes:
    """The graph with rows of one product's weights set to 0, in a copy of its own."""
    model = onnx.load_from_string(graph)
    product = next(n for n in model.graph.node if n.name == node)
    stored = next(t for t in model.graph.initializer if t.name == product.input[1])
    weights = onnx.numpy_helper.to_array(stored).copy()
    weights[(slice(None),) * axis + (rows,)] = 0.0
    name = f"{stored.name}.zeroed.{len(model.graph.initializer)}"
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, name))
    product.input[1] = name
    return model.SerializeToString()


def fit_towards(x: Matrix, y: Matrix, plain: Matrix, ridge: float) -> Matrix:
    """The W that minimises |y - xW|² + ridge |W - plain|², as one least-squares problem."""
    pull = np.sqrt(ridge) * np.eye(x.shape[1])
    found, *_ = np.linalg.lstsq(np.vstack([x, pull]), np.vstack([y, pull @ plain]), rcond=None)
    return np.asarray(found)


def error_without(x: Matrix, y: Matrix, gone: NDArray[np.int64]) -> float:
    """Squared error of the best fit of ``y`` on the columns of ``x`` that are left."""
    left = np.delete(x, gone, axis=1)
    found, *_ = np.linalg.lstsq(left, y, rcond=None)
    return float(np.square(y - left @ found).sum())


def integer_product(
    x: NDArray[np.float32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    low: float,
    high: float,
    limit: int,
) -> Matrix:
    """``x @ weights + bias`` with uint8 activations and int8 weights, one scale an output."""
    scale = np.float32((high - low) / 255)
    zero = np.rint(-low / scale)
    x_codes = np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.int64)
    scales = (np.abs(weights).max(axis=0).astype(np.float64) / limit).astype(np.float32)
    w_codes = np.clip(np.rint(weights / scales), -limit, limit).astype(np.int64)
    unit = (scale * scales).astype(np.float64)
    total = (x_codes - int(zero)) @ w_codes + np.rint(bias / unit).astype(np.int64)
    return np.asarray(total * unit)


def multiply_adds_of_layers(rows: int, sizes: list[int]) -> int:
    """Multiply-adds of a chain of dense layers."""
    return sum(rows * a * b for a, b in pairwise(sizes))
