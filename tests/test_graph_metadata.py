"""The signature in the file."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest
from hypothesis import given

from edgerec.errors import SignatureError
from edgerec.graph.metadata import SIGNATURE_KEY, read_signature, write_signature
from edgerec.values.signature import Input, Output, Signature
from tests.strategies.graphs import few, mlp, mlps, tower

MODEL = mlp(0, (8,))
X, Y = MODEL.signature.inputs[0], MODEL.signature.outputs[0]


@few
@given(mlps())
def test_a_signature_comes_back_and_the_rest_stays(model) -> None:
    assert read_signature(model.graph) is None
    written = write_signature(model.graph, model.signature)
    assert read_signature(written) == model.signature
    assert write_signature(written, model.signature) == written
    assert onnx.load_from_string(written).graph == onnx.load_from_string(model.graph).graph


def test_a_later_signature_takes_the_place_of_an_earlier_one() -> None:
    other = Signature((replace(X, role="pair"),), MODEL.signature.outputs)
    written = write_signature(write_signature(MODEL.graph, MODEL.signature), other)
    assert read_signature(written) == other


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (Signature((replace(X, name="z"),), (Y,)), "x float32"),
        (Signature((X, replace(X, name="z")), (Y,)), "not in the graph: z"),
        (Signature((X,), (replace(Y, name="z"),)), "y0"),
        (Signature((replace(X, dtype="int64", kind="bag"),), (Y,)), "int64"),
        (Signature((replace(X, shape=("candidates",)),), (Y,)), "x float32"),
        (Signature((replace(X, shape=("candidates", 7)),), (Y,)), "7"),
        (Signature((replace(X, shape=("candidates", "features")),), (Y,)), "features"),
        (Signature((X,), (replace(Y, shape=("candidates", 4)),)), "y0"),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(signature: Signature, words: str) -> None:
    with pytest.raises(SignatureError, match=words):
        write_signature(MODEL.graph, signature)


def test_a_free_dimension_may_be_fixed() -> None:
    fixed = Signature((replace(X, shape=(5, 6)),), (replace(Y, shape=(5, 3)),))
    assert read_signature(write_signature(MODEL.graph, fixed)) == fixed


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"inputs": [], "outputs": []}'])
def test_unreadable_metadata_is_refused(text: str) -> None:
    model = onnx.load_from_string(MODEL.graph)
    model.metadata_props.add(key=SIGNATURE_KEY, value=text)
    with pytest.raises(SignatureError):
        read_signature(model.SerializeToString())


def test_an_input_with_a_stored_default_needs_no_role() -> None:
    model = onnx.load_from_string(tower(0).graph)
    stored = model.graph.initializer[0]
    value = onnx.helper.make_tensor_value_info(stored.name, stored.data_type, list(stored.dims))
    model.graph.input.append(value)
    signature = tower(0).signature
    assert read_signature(write_signature(model.SerializeToString(), signature)) == signature


def test_the_types_of_a_signature_survive() -> None:
    signature = read_signature(write_signature(MODEL.graph, MODEL.signature))
    assert signature is not None
    assert isinstance(signature.inputs[0], Input)
    assert isinstance(signature.outputs[0], Output)
    assert isinstance(signature.inputs[0].shape, tuple)
