"""Fused graphs compute what they were made from, with less."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgerec.errors import InvalidInput
from edgerec.graph.fusion import fuse
from tests.strategies.attention import AttentionGraph, attention_graphs


def run(graph: bytes, inputs: dict[str, np.ndarray]) -> np.ndarray:
    (output,) = ReferenceEvaluator(onnx.load_from_string(graph)).run(None, inputs)
    return output


def operators(graph: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(graph).graph.node)


def projections(graph: bytes) -> int:
    """How many products have a stored matrix."""
    model = onnx.load_from_string(graph)
    stored = {tensor.name for tensor in model.graph.initializer}
    return sum(n.op_type == "Gemm" and n.input[1] in stored for n in model.graph.node)


@settings(deadline=None)
@given(attention_graphs(), st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_a_fused_attention_equals_the_original(
    case: AttentionGraph, length: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = case.asking or length
    inputs = {
        "x": (rng.normal(size=(length, case.dim)) / case.dim**0.5).astype(np.float32),
        "mask": rng.normal(size=(rows, length)).astype(np.float32),
    }
    fused = fuse(case.graph)
    wanted = run(case.graph, inputs)
    np.testing.assert_allclose(run(fused, inputs), wanted, rtol=1e-5, atol=1e-5)
    assert sum(operators(fused).values()) <= sum(operators(case.graph).values())


@settings(deadline=None)
@given(attention_graphs())
def test_fusing_twice_changes_nothing_more(case: AttentionGraph) -> None:
    once = fuse(case.graph)
    assert operators(fuse(once)) == operators(once)


@settings(deadline=None)
@given(attention_graphs())
def test_where_it_pays_two_of_four_projections_are_left(case: AttentionGraph) -> None:
    assert projections(case.graph) == 4
    if case.width >= case.dim:
        assert projections(fuse(case.graph)) == 2


def graph_of(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[int | str]],
    outputs: dict[str, list[int | str]],
    stored: dict[str, np.ndarray],
    dtype: int = TensorProto.FLOAT,
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(n, dtype, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, dtype, s) for n, s in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


MATMUL = helper.make_node("MatMul", ["a", "b"], ["p"])
ADD = helper.make_node("Add", ["p", "c"], ["y"])


@pytest.mark.parametrize(
    ("shape", "becomes_gemm"),
    [([3, 4], True), ([4], True), ([1, 4], True), ([3, 1], True), ([2, 3, 4], False)],
)
def test_a_sum_joins_a_product_that_it_spreads_over(
    shape: list[int | str], becomes_gemm: bool
) -> None:
    out = shape if len(shape) > 2 else [3, 4]
    graph = graph_of([MATMUL, ADD], {"a": [3, 2], "b": [2, 4], "c": shape}, {"y": out}, {})
    fused = fuse(graph)
    assert (operators(fused)["Gemm"] == 1) == becomes_gemm
    rng = np.random.default_rng(0)
    inputs = {
        "a": rng.normal(size=(3, 2)).astype(np.float32),
        "b": rng.normal(size=(2, 4)).astype(np.float32),
        "c": rng.normal(size=shape).astype(np.float32),
    }
    np.testing.assert_allclose(run(fused, inputs), run(graph, inputs), rtol=1e-6, atol=1e-6)


def test_a_larger_summand_is_left_alone() -> None:
    shapes = {"a": [1, 2], "b": [2, 4], "c": [3, 4]}
    graph = graph_of([MATMUL, ADD], shapes, {"y": [3, 4]}, {})
    assert operators(fuse(graph)) == operators(graph)


def test_a_product_that_is_read_twice_is_left_alone() -> None:
    shapes = {"a": [3, 2], "b": [2, 4], "c": [3, 4]}
    graph = graph_of([MATMUL, ADD], shapes, {"y": [3, 4], "p": [3, 4]}, {})
    assert operators(fuse(graph)) == operators(graph)


def test_a_length_stays_a_vector() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["vector"]),
        helper.make_node("Squeeze", ["vector"], ["scalar"]),
        helper.make_node("Sub", ["fifty", "scalar"], ["start"]),
        helper.make_node("Reshape", ["start", "one"], ["y"]),
    ]
    stored = {"fifty": np.array(50), "one": np.array([-1])}
    graph = graph_of(nodes, {"x": ["length"]}, {"y": [1]}, stored, TensorProto.INT64)
    fused = fuse(graph)
    assert operators(fused) == {"Shape": 1, "Sub": 1}
    assert run(fused, {"x": np.zeros(7, np.int64)}).tolist() == [43]


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InvalidInput):
        fuse(b"no model")
