"""Counting multiply-adds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgerec.graph.flops import DEFAULT_SIZE, multiply_adds
from tests.oracles.compression import multiply_adds_of_layers
from tests.strategies.graphs import FEATURES, few, mlp, tower


@few
@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=3),
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from([2, 3]),
)
def test_a_chain_of_layers(widths: list[int], candidates: int, length: int, rank: int) -> None:
    graph = mlp(0, tuple(widths), rank=rank).graph
    rows = candidates * (length if rank == 3 else 1)
    wanted = multiply_adds_of_layers(rows, [FEATURES, *widths, 3])
    assert multiply_adds(graph, {"candidates": candidates, "length": length}) == wanted


def test_sizes_that_are_not_given() -> None:
    sizes = {"candidates": DEFAULT_SIZE, "length": DEFAULT_SIZE}
    assert multiply_adds(tower(0).graph) == multiply_adds(tower(0).graph, sizes)


def test_products_of_activations_count() -> None:
    shapes = {"x": ["n", 3, 4], "z": ["n", 4, 5]}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "z"], ["y"])],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 3)],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    assert multiply_adds(model.SerializeToString(), {"n": 2}) == 2 * 3 * 4 * 5
