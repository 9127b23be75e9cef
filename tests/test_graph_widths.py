"""Hidden widths: which are found, and what is left when channels go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.editor import Editor
from edgerec.graph.widths import Width, find_widths, narrow
from edgerec.values.model import Model
from edgerec.values.signature import Input, Output, Signature
from tests.oracles.compression import evaluate, with_zeroed_rows
from tests.strategies.graphs import FEATURES, GraphBuilder, few, mlp, mlps, tower


def model_of(build: GraphBuilder, outputs: int) -> Model:
    build.rename_last("y")
    source = Input("x", "item", "dense", "float32", ("candidates", FEATURES))
    result = Output("y", "embedding", "float32", ("candidates", outputs))
    return build.model("m", Signature((source,), (result,)))


def builder() -> GraphBuilder:
    return GraphBuilder(np.random.default_rng(0))


def names(model: Model) -> list[str]:
    return [width.name for width in find_widths(model.graph)]


@few
@given(mlps(), st.data())
def test_a_narrowed_graph_equals_the_masked_original(model: Model, data: st.DataObject) -> None:
    kept: dict[Width, np.ndarray] = {}
    masked = model.graph
    for width in find_widths(model.graph):
        channels = st.sets(st.integers(0, width.size - 1), min_size=1)
        kept[width] = np.array(sorted(data.draw(channels)))
        gone = np.setdiff1d(np.arange(width.size), kept[width])
        for consumer in width.consumers:
            rows = gone + consumer.offset
            masked = with_zeroed_rows(masked, consumer.node, consumer.cut.axis, rows)
    smaller = narrow(model.graph, kept)
    inputs = random_inputs(model.signature, rng=np.random.default_rng(0))
    wanted, found = evaluate(masked, inputs), evaluate(smaller, inputs)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5)
    for width in find_widths(smaller):
        before = next(w for w in kept if w.name == width.name)
        assert width.size == len(kept[before])


@few
@given(mlps())
def test_every_hidden_width_of_a_plain_network_is_found(model: Model) -> None:
    sizes = [w.size for w in find_widths(model.graph)]
    hidden = {node.name for node in Editor(model.graph).nodes if node.op_type in ("Gemm", "MatMul")}
    heads = len(model.signature.outputs)
    assert len(sizes) == len(hidden) - heads


def test_all_heads_read_the_last_width() -> None:
    (width,) = find_widths(mlp(0, (8,), heads=2).graph)
    assert len(width.consumers) == 2


def test_a_join_moves_the_channels() -> None:
    width = find_widths(mlp(0, (8, 12), join=True).graph)[-1]
    (consumer,) = width.consumers
    assert (width.size, consumer.offset, consumer.cut.offset) == (12, FEATURES, FEATURES)


def test_a_residual_sum_fixes_its_width() -> None:
    build = builder()
    hidden = build.node("Relu", build.linear("x", FEATURES, FEATURES, "gemm"))
    build.linear(build.node("Add", "x", hidden), FEATURES, 3, "gemm")
    assert names(model_of(build, 3)) == []


def test_two_makers_of_one_width_fix_it() -> None:
    build = builder()
    a, b = build.linear("x", FEATURES, 8, "gemm"), build.linear("x", FEATURES, 8, "gemm")
    build.linear(build.node("Mul", a, build.node("Sigmoid", b)), 8, 3, "gemm")
    assert names(model_of(build, 3)) == []


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax", "LpNormalization"])
def test_a_normalisation_fixes_its_width(operator: str) -> None:
    build = builder()
    build.linear(build.node(operator, build.linear("x", FEATURES, 8, "gemm")), 8, 3, "gemm")
    assert names(model_of(build, 3)) == []


def test_a_reduction_fixes_its_width() -> None:
    build = builder()
    hidden = build.linear("x", FEATURES, 8, "gemm")
    total = build.node("ReduceSum", hidden, build.constant("axis", np.array([-1])), keepdims=1)
    build.linear(build.node("Div", hidden, total), 8, 3, "gemm")
    assert names(model_of(build, 3)) == []


def test_an_output_fixes_its_width() -> None:
    build = builder()
    build.node("Relu", build.linear("x", FEATURES, 8, "gemm"))
    assert names(model_of(build, 8)) == []


def test_a_shared_matrix_is_cut_for_its_node_alone() -> None:
    build = builder()
    square = build.weights("square", FEATURES, FEATURES)
    hidden = build.node("Relu", build.node("MatMul", "x", square))
    build.node("Tanh", build.node("MatMul", hidden, square))
    model = model_of(build, FEATURES)
    (width,) = find_widths(model.graph)
    smaller = Editor(narrow(model.graph, {width: np.arange(2)}))
    shapes = [
        smaller.constant(node.input[1]).shape for node in smaller.nodes if len(node.input) > 1
    ]
    assert shapes == [(FEATURES, 2), (2, FEATURES)]


def test_one_scale_for_each_row_passes() -> None:
    build = builder()
    gate = build.node("Sigmoid", build.linear("x", FEATURES, 1, "gemm"))
    hidden = build.linear("x", FEATURES, 8, "gemm")
    build.linear(build.node("Mul", gate, hidden), 8, 3, "gemm")
    assert len(names(model_of(build, 3))) == 1


def test_attention_over_values_passes() -> None:
    build = builder()
    values = build.linear("x", FEATURES, 8, "gemm")
    score = build.node("Softmax", build.node("MatMul", "x", build.node("Transpose", "x")), axis=-1)
    build.linear(build.node("MatMul", score, values), 8, 3, "gemm")
    assert len(names(model_of(build, 3))) == 1


def test_scaled_products_are_left_alone() -> None:
    build = builder()
    weights, bias = build.weights("w", FEATURES, 8), build.weights("b", 8)
    hidden = build.node("Gemm", "x", weights, bias, alpha=0.5)
    build.linear(build.node("Relu", hidden), 8, 3, "gemm")
    assert names(model_of(build, 3)) == []


def test_a_tower_has_one_width() -> None:
    (width,) = find_widths(tower(0, width=64).graph)
    assert width.size == 64


def test_keeping_everything_changes_nothing() -> None:
    model = mlp(3, (8, 6))
    kept = {width: np.arange(width.size) for width in find_widths(model.graph)}
    inputs = random_inputs(model.signature, rng=np.random.default_rng(0))
    wanted, found = evaluate(model.graph, inputs), evaluate(narrow(model.graph, kept), inputs)
    np.testing.assert_array_equal(found["y0"], wanted["y0"])
