"""A graph that names a file is refused wherever the name stands; no file is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgerec.backends.external_data import refuse_external_data
from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.errors import BackendError
from edgerec.values.model import Model
from tests.strategies.sessions import models, ranker

RANKER = ranker()


def outside(name: str = "weights", location: str = "secret.bin") -> TensorProto:
    """A tensor of four floats that lives in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def subgraph() -> onnx.GraphProto:
    value = helper.make_tensor_value_info("weights", TensorProto.FLOAT, [4])
    return helper.make_graph([], "branch", [], [value], [outside()])


def as_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(outside())


def as_sparse_values(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(outside())


def as_sparse_indices(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().indices.CopyFrom(outside())


def as_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["weights"], value=outside()))


def as_list(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("lists", [outside(), outside()]))


def in_a_branch(model: onnx.ModelProto) -> None:
    model.graph.node.append(
        helper.make_node("If", ["c"], ["w"], then_branch=subgraph(), else_branch=subgraph())
    )


def in_a_branch_of_a_branch(model: onnx.ModelProto) -> None:
    inner = helper.make_node("If", ["c"], ["w"], then_branch=subgraph(), else_branch=subgraph())
    outer = helper.make_graph([inner], "outer", [], [])
    model.graph.node.append(
        helper.make_node("If", ["c"], ["w"], then_branch=outer, else_branch=outer)
    )


def in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["weights"], value=outside())
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("here", "F", [], ["weights"], [node], opset))


def in_training(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.CopyFrom(subgraph())


def location_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def entries_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="secret.bin")


@pytest.mark.parametrize(
    "hide",
    [
        as_weight,
        as_sparse_values,
        as_sparse_indices,
        as_constant,
        as_list,
        in_a_branch,
        in_a_branch_of_a_branch,
        in_a_function,
        in_training,
        location_alone,
        entries_alone,
    ],
)
def test_found_wherever_it_hides(hide: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load_from_string(RANKER.graph)
    hide(model)
    with pytest.raises(BackendError, match="in another file"):
        refuse_external_data(model.SerializeToString())


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_backends_open_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.ones(1000, np.float32).tofile(tmp_path / "secret.bin")
    monkeypatch.chdir(tmp_path)
    model = onnx.load_from_string(RANKER.graph)
    as_weight(model)
    with pytest.raises(BackendError, match="in another file"):
        backend(name).open(model.SerializeToString(), RANKER.signature)


@given(models())
def test_whole_models_pass(model: Model) -> None:
    refuse_external_data(model.graph)


def test_a_weight_that_is_called_location_passes() -> None:
    model = onnx.load_from_string(RANKER.graph)
    model.metadata_props.add(key="location", value="Paris")
    model.graph.initializer.append(helper.make_tensor("location", TensorProto.FLOAT, [1], [1.0]))
    refuse_external_data(model.SerializeToString())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BackendError):
        refuse_external_data(data)


@given(st.data())
def test_a_cut_or_flipped_graph_is_read_or_refused(data: st.DataObject) -> None:
    graph = bytearray(RANKER.graph)
    graph[data.draw(st.integers(0, len(graph) - 1))] ^= data.draw(st.integers(1, 255))
    del graph[data.draw(st.integers(1, len(graph))) :]
    with contextlib.suppress(BackendError):
        refuse_external_data(bytes(graph))


def test_deep_nesting_ends() -> None:
    graph = onnx.GraphProto(name="innermost")
    for _ in range(30):
        node = onnx.NodeProto(op_type="Loop")
        node.attribute.add(name="body", type=onnx.AttributeProto.GRAPH).g.CopyFrom(graph)
        graph = onnx.GraphProto(node=[node])
    with pytest.raises(BackendError, match="levels deep"):
        refuse_external_data(onnx.ModelProto(graph=graph).SerializeToString())
