"""A graph is compared with its signature by what the graph itself declares."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgerec.backends.ports import check_ports
from edgerec.errors import BackendError, SignatureError
from edgerec.values.model import Model
from edgerec.values.signature import Signature
from tests.strategies.sessions import dense, models, ranker

RANKER = ranker()


@given(models())
def test_a_model_fits_its_signature(model: Model) -> None:
    check_ports(model.graph, model.signature)


@given(models(), st.data())
def test_another_fixed_size_does_not(model: Model, data: st.DataObject) -> None:
    tensors = (*model.signature.inputs, *model.signature.outputs)
    fixed = [t for t in tensors if any(isinstance(size, int) for size in t.shape)]
    tensor = data.draw(st.sampled_from(fixed))
    shape = tuple(size + 1 if isinstance(size, int) else size for size in tensor.shape)
    changed = {tensor.name: replace(tensor, shape=shape)}
    signature = Signature(
        tuple(changed.get(t.name, t) for t in model.signature.inputs),
        tuple(changed.get(t.name, t) for t in model.signature.outputs),
    )
    with pytest.raises(SignatureError, match=repr(tensor.name)):
        check_ports(model.graph, signature)


@given(models(), models())
def test_models_fit_only_signatures_with_their_names(one: Model, other: Model) -> None:
    if {t.name for t in one.signature.inputs} == {t.name for t in other.signature.inputs}:
        return
    with pytest.raises(SignatureError):
        check_ports(one.graph, other.signature)


def changed(**fields: list[int | str] | None) -> bytes:
    """The dense model with another declaration of its input or output."""
    model = onnx.load_from_string(dense().graph)
    for kind, shape in fields.items():
        values = getattr(model.graph, kind)
        made = helper.make_tensor_value_info(values[0].name, TensorProto.FLOAT, shape)
        values[0].CopyFrom(made)
    return bytes(model.SerializeToString())


def test_a_graph_that_does_not_tell_a_shape_fits() -> None:
    check_ports(changed(output=None), dense().signature)
    check_ports(changed(input=[None, None]), dense().signature)


def test_a_free_dimension_fits_a_fixed_one() -> None:
    check_ports(changed(input=["n", "m"]), dense().signature)
    check_ports(changed(input=[4, 16]), dense().signature)


def test_weights_that_are_listed_as_inputs_are_not_asked_for() -> None:
    model = onnx.load_from_string(dense().graph)
    weight = model.graph.initializer[0]
    model.graph.input.append(
        helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
    )
    check_ports(model.SerializeToString(), dense().signature)


def test_other_types_are_named() -> None:
    model = onnx.load_from_string(dense().graph)
    kind = model.graph.input[0].type
    for element, said in [
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.STRING, "ONNX element type 8"),
    ]:
        kind.tensor_type.elem_type = element
        with pytest.raises(SignatureError, match=said):
            check_ports(model.SerializeToString(), dense().signature)
    kind.Clear()
    kind.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(SignatureError, match="'item' is float32"):
        check_ports(model.SerializeToString(), dense().signature)


@pytest.mark.parametrize(
    "graph", [b"", b"\x08\x09", onnx.ModelProto(ir_version=9).SerializeToString()]
)
def test_no_graph(graph: bytes) -> None:
    with pytest.raises(BackendError, match="no graph"):
        check_ports(graph, RANKER.signature)


@given(st.data())
def test_a_cut_or_flipped_graph_is_read_or_refused(data: st.DataObject) -> None:
    graph = bytearray(RANKER.graph)
    graph[data.draw(st.integers(0, len(graph) - 1))] ^= data.draw(st.integers(1, 255))
    del graph[data.draw(st.integers(1, len(graph))) :]
    with contextlib.suppress(BackendError, SignatureError):
        check_ports(bytes(graph), RANKER.signature)
