"""Bytes to a graph: what is refused, and in which words."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.graph import load
from edgerec.graph.load import dump_graph, parse_graph, tensors
from tests.strategies.graphs import few, mlp, mlps

GRAPH = mlp(0, (8,)).graph


@few
@given(mlps())
def test_what_is_dumped_is_parsed_again(model) -> None:
    once = dump_graph(parse_graph(model.graph))
    assert dump_graph(parse_graph(once)) == once


@few
@given(st.integers(0, len(GRAPH) - 1))
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput):
        parse_graph(GRAPH[:length])


@few
@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_graph(data)


def test_an_invalid_graph_is_refused_in_the_checkers_words() -> None:
    model = onnx.load_from_string(GRAPH)
    model.graph.node[0].input[0] = "nobody"
    with pytest.raises(InvalidInput, match="nobody"):
        parse_graph(model.SerializeToString())


def test_external_data_is_refused_in_bytes() -> None:
    model = onnx.load_from_string(GRAPH)
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    with pytest.raises(InvalidInput, match="another file"):
        parse_graph(model.SerializeToString())


def test_more_than_a_message_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_GRAPH_BYTES", len(GRAPH) - 1)
    with pytest.raises(LimitExceeded):
        parse_graph(GRAPH)


def test_tensors_in_subgraphs_and_functions_are_found() -> None:
    inner = onnx.helper.make_tensor("inner", onnx.TensorProto.FLOAT, [1], [1.0])
    constant = onnx.helper.make_node("Constant", [], ["c"], value=inner)
    body = onnx.helper.make_graph(
        [constant], "body", [], [onnx.helper.make_empty_tensor_value_info("c")]
    )
    branch = onnx.helper.make_node("If", ["cond"], ["y"], then_branch=body, else_branch=body)
    model = onnx.load_from_string(GRAPH)
    stored = len(list(tensors(model)))
    model.graph.node.append(branch)
    model.functions.add(name="f", domain="d").node.append(constant)
    assert len(list(tensors(model))) == stored + 3
