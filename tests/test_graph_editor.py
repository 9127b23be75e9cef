"""Asking and changing a graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgerec.errors import InvalidInput
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.editor import Editor, attribute
from tests.oracles.compression import evaluate
from tests.strategies.graphs import few, mlp, mlps, tower


@few
@given(mlps(), st.integers(0, 2**16))
def test_an_untouched_graph_computes_the_same(model, seed: int) -> None:
    inputs = random_inputs(model.signature, rng=np.random.default_rng(seed))
    before, after = evaluate(model.graph, inputs), evaluate(Editor(model.graph).finish(), inputs)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


@few
@given(mlps())
def test_the_same_graph_gives_the_same_bytes(model) -> None:
    once = Editor(model.graph).finish()
    assert Editor(model.graph).finish() == once
    assert Editor(once).finish() == once


@few
@given(mlps())
def test_makers_and_readers_are_each_others_inverse(model) -> None:
    editor = Editor(model.graph)
    for node in editor.nodes:
        for output in node.output:
            assert editor.maker(output) is node
        for name in node.input:
            assert any(reader is node for reader in editor.readers(name))
    for name in editor.inputs:
        assert editor.maker(name) is None


def graph_of(nodes, constants=(), inputs=(("x", TensorProto.FLOAT, ["n", 2]),), outputs=("y",)):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, None]) for n in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def test_constants_and_their_transposes_are_stored() -> None:
    weights = np.arange(6, dtype=np.float32).reshape(3, 2)
    editor = Editor(
        graph_of(
            [
                helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(weights)),
                helper.make_node("Transpose", ["c"], ["t"]),
                helper.make_node("MatMul", ["x", "t"], ["y"]),
            ]
        )
    )
    assert [node.op_type for node in editor.nodes] == ["MatMul"]
    np.testing.assert_array_equal(editor.constant("t"), weights.T)
    assert editor.constant("x") is None
    assert editor.constant("y") is None
    proto = onnx.load_from_string(editor.finish())
    assert [tensor.name for tensor in proto.graph.initializer] == ["t"]


def test_a_constant_that_is_an_output_stays_a_node() -> None:
    value = numpy_helper.from_array(np.ones(2, np.float32))
    editor = Editor(graph_of([helper.make_node("Constant", [], ["y"], value=value)]))
    assert [node.op_type for node in Editor(editor.finish()).nodes] == ["Constant"]


def test_stored_values_cannot_be_changed_in_place() -> None:
    editor = Editor(mlp(0, (4,)).graph)
    weights = editor.constant("w0")
    assert weights is not None
    with pytest.raises(ValueError, match="read-only"):
        weights[0] = 0


def test_every_node_gets_its_own_name() -> None:
    relu = [helper.make_node("Relu", ["x"], ["a"], name="same")]
    relu += [helper.make_node("Relu", ["a"], ["b"], name="same")]
    relu += [helper.make_node("Relu", ["b"], ["y"])]
    names = [node.name for node in Editor(graph_of(relu)).nodes]
    assert len(set(names)) == 3
    assert names[0] == "same"
    assert "" not in names


def test_what_nothing_reads_is_dropped() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Add", ["x", "c"], ["dead"])]
    proto = onnx.load_from_string(Editor(graph_of(nodes, [("c", np.float32(1))])).finish())
    assert [node.op_type for node in proto.graph.node] == ["Relu"]
    assert not proto.graph.initializer
    assert [value.name for value in proto.graph.input] == ["x"]


def test_a_subgraph_reads_what_it_captures() -> None:
    body = helper.make_graph(
        [helper.make_node("Add", ["outer", "own"], ["inner"])],
        "body",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [None, None])],
        [numpy_helper.from_array(np.float32(1), "own")],
    )
    editor = Editor(
        graph_of(
            [
                helper.make_node("Relu", ["x"], ["outer"]),
                helper.make_node("If", ["flag"], ["y"], then_branch=body, else_branch=body),
            ],
            inputs=(("x", TensorProto.FLOAT, ["n", 2]), ("flag", TensorProto.BOOL, [])),
        )
    )
    assert [node.op_type for node in editor.readers("outer")] == ["If"]
    assert editor.readers("own") == ()
    assert [node.op_type for node in Editor(editor.finish()).nodes] == ["Relu", "If"]


def test_nodes_are_replaced_and_inserted_in_place() -> None:
    editor = Editor(graph_of([helper.make_node("Relu", ["x"], ["y"])]))
    (relu,) = editor.nodes
    two = editor.store("two", np.float32(2))
    assert editor.store("two", np.float32(3)) != two
    assert editor.fresh("x") != "x"
    editor.insert([helper.make_node("Mul", ["x", two], ["doubled"])], before=relu)
    editor.replace(relu, [helper.make_node("Neg", ["doubled"], ["y"])])
    found = evaluate(editor.finish(), {"x": np.ones((1, 2), np.float32)})
    np.testing.assert_array_equal(found["y"], np.full((1, 2), -2, np.float32))


def test_a_change_that_breaks_the_graph_is_noticed() -> None:
    editor = Editor(graph_of([helper.make_node("Relu", ["x"], ["y"])]))
    editor.set_input(editor.nodes[0], 0, "nobody")
    with pytest.raises(InvalidInput, match="nobody"):
        editor.finish()


def test_shapes_and_types() -> None:
    editor = Editor(tower(0).graph)
    assert editor.shape("title") == ("candidates", "length")
    assert editor.rank("vector") == 2
    assert editor.is_float("vector")
    assert not editor.is_float("title")
    assert editor.shape("nobody") is None
    assert editor.rank("nobody") is None
    assert editor.opset == 18


def test_attributes() -> None:
    node = helper.make_node("Gemm", ["a", "b"], ["c"], transB=1, alpha=0.5)
    assert attribute(node, "transB") == 1
    assert attribute(node, "alpha") == 0.5
    assert attribute(node, "beta", 1.0) == 1.0


def test_a_large_constant_does_not_hide_shapes() -> None:
    weights = np.zeros((2, 8192), np.float32)
    editor = Editor(graph_of([helper.make_node("MatMul", ["x", "w"], ["y"])], [("w", weights)]))
    assert editor.shape("y") == ("n", 8192)


def test_a_graph_of_the_first_files_needs_no_constants_among_its_inputs() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    fed = [("x", TensorProto.FLOAT, ["n", 2]), ("w", TensorProto.FLOAT, [2, 2])]
    old = onnx.load_from_string(graph_of(nodes, [("w", np.eye(2, dtype=np.float32))], fed))
    old.ir_version = 3
    editor = Editor(old.SerializeToString())
    assert editor.inputs == ("x",)
    assert [value.name for value in onnx.load_from_string(editor.finish()).graph.input] == ["x"]
