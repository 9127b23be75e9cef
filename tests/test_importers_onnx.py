"""ONNX files in: signatures, external data, parity."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from onnx import TensorProto

from edgerec.backends.registry import BACKEND_NAMES
from edgerec.compression.quantization import quantize
from edgerec.errors import InvalidInput, LimitExceeded, ParityError, ShapeError, SignatureError
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.load import parse_graph
from edgerec.graph.metadata import read_signature, write_signature
from edgerec.importers import external
from edgerec.importers.importer import import_checked, import_model
from edgerec.importers.parity import Definition, check_parity, difference
from edgerec.values.model import Model
from edgerec.values.plan import Precision
from edgerec.values.signature import Input, Output, Signature
from tests.strategies.graphs import FEATURES, GraphBuilder, few, mlp, mlps, tower


@few
@given(mlps())
def test_a_model_comes_in_with_its_signature(model: Model) -> None:
    found = import_checked(model.graph, signature=model.signature)
    assert found.model.signature == model.signature
    assert read_signature(found.model.graph) == model.signature
    assert set(found.parity.differences) == set(BACKEND_NAMES)
    assert found.parity.largest < 1e-5
    assert found.parity.source == "onnx"
    assert import_model(found.model.graph) == found.model


def test_a_file_names_its_model(tmp_path: Path) -> None:
    model = tower(0)
    path = tmp_path / "item tower.v2.onnx"
    path.write_bytes(write_signature(model.graph, model.signature))
    assert import_model(path).name == "item_tower_v2"
    assert import_model(str(path), name="items").name == "items"


def test_given_examples_are_compared_too() -> None:
    model = tower(0)
    inputs = random_inputs(model.signature, rng=np.random.default_rng(1))
    for example in (inputs, [inputs, inputs]):
        found = import_checked(model.graph, signature=model.signature, example=example)
        assert found.parity.requests == 3 + (1 if example is inputs else 2)


def test_without_a_signature_the_error_shows_the_tensors() -> None:
    with pytest.raises(SignatureError, match="title int64") as caught:
        import_model(tower(0).graph)
    for words in ("dense float32 (candidates, 6)", "vector float32", "Roles: user", "signature="):
        assert words in str(caught.value)


def test_wrong_names_show_both_sides() -> None:
    signature = tower(0).signature
    wrong = Signature(
        (replace(signature.inputs[0], name="heading"), signature.inputs[1]), signature.outputs
    )
    with pytest.raises(
        SignatureError, match=r"Not in the signature: title.*not in the graph: heading"
    ):
        import_model(tower(0).graph, signature=wrong)


def test_comments_stay_outside() -> None:
    model = onnx.load_from_string(tower(0).graph)
    model.doc_string = model.graph.doc_string = "/home/somebody/model.py"
    for node in model.graph.node:
        node.doc_string = "/home/somebody/model.py"
        node.metadata_props.add(key="stack", value="/home/somebody/model.py")
    found = import_model(model.SerializeToString(), signature=tower(0).signature)
    assert b"somebody" not in found.graph


@pytest.mark.parametrize("name", ["weights.pt", "model.pt2", "model.pth", "model.pkl"])
def test_files_that_may_run_code_are_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InvalidInput, match="may hold code"):
        import_model(tmp_path / name, signature=tower(0).signature)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    with pytest.raises(InvalidInput, match="not an ONNX model"):
        import_model(tmp_path / "noise.onnx")
    with pytest.raises(InvalidInput, match="cannot read"):
        import_model(tmp_path / "absent.onnx")
    with pytest.raises(InvalidInput):
        import_model(tmp_path)
    with pytest.raises(InvalidInput, match="got int"):
        import_model(3)


class Shifted:
    """A source that is not quite the model."""

    name = "shifted"

    def __init__(self, graph: bytes, shift: float) -> None:
        self._plain, self._shift = Definition(graph), shift

    def run(self, inputs):
        return {name: value + self._shift for name, value in self._plain.run(inputs).items()}


def test_a_source_that_differs_is_noticed() -> None:
    model = tower(0)
    requests = [random_inputs(model.signature, rng=np.random.default_rng(0))]
    with pytest.raises(ParityError, match="differs from shifted"):
        check_parity(model, Shifted(model.graph, 0.01), requests, tolerance=1e-4)
    parity = check_parity(model, Shifted(model.graph, 0.01), requests, tolerance=0.1)
    assert parity.largest == pytest.approx(0.01, rel=1e-3)


def test_the_first_node_that_differs_is_named() -> None:
    """OpenVINO computes int64 as int32: a float beyond that is cast to another number."""
    build = GraphBuilder(np.random.default_rng(0))
    large = build.node("Mul", "x", build.constant("large", np.float32(1e12)))
    whole = build.node("Cast", large, to=TensorProto.INT64)
    build.node("Relu", build.node("Cast", whole, to=TensorProto.FLOAT))
    build.rename_last("y")
    signature = Signature(
        (Input("x", "item", "dense", "float32", ("candidates", FEATURES)),),
        (Output("y", "embedding", "float32", ("candidates", FEATURES)),),
    )
    model = build.model("m", signature)
    with pytest.raises(
        ParityError, match=r"openvino.*first node that differs is 'n_cast_2' \(Cast\)"
    ):
        import_model(model.graph, signature=signature)


def test_differences() -> None:
    one, nan = np.ones(3, np.float32), np.array([1, np.nan, 1], np.float32)
    assert difference({"y": one}, {"y": one}) == 0.0
    assert difference({"y": one * 100}, {"y": one * 101}) == pytest.approx(0.01)
    assert difference({"y": one}, {"y": nan}) == float("inf")
    assert difference({"y": nan}, {"y": nan}) == 0.0
    assert difference({"y": one}, {"y": one[:2]}) == float("inf")


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.WEIGHT_INT8])
@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_our_own_int8_forms_come_in_again(precision: Precision, name: str) -> None:
    model = tower(0)
    requests = [random_inputs(model.signature, rng=np.random.default_rng(s)) for s in range(4)]
    narrow = quantize(model, requests, precision=precision, backend=name)
    found = import_checked(narrow.graph, signature=narrow.signature)
    assert found.parity.differences


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """A model whose tensors lie in ``weights/tower.bin`` beside it."""
    path = tmp_path / "tower.onnx"
    model = onnx.load_from_string(tower(0).graph)
    (tmp_path / "weights").mkdir()
    onnx.save(
        model,
        path,
        save_as_external_data=True,
        location="weights/tower.bin",
        size_threshold=0,
    )
    return path


def relocate(path: Path, location: str, **fields: str) -> None:
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
                entry.value = fields.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())


def refused(path: Path, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        import_model(path, signature=tower(0).signature)


def test_external_data_beside_the_model_is_read_in(split: Path) -> None:
    found = import_model(split, signature=tower(0).signature)
    assert import_model(tower(0).graph, signature=tower(0).signature).graph == found.graph
    parse_graph(found.graph)


@pytest.mark.parametrize(
    "location",
    [
        "../tower.bin",
        "/etc/passwd",
        "weights/../../tower.bin",
        "./tower.bin",
        "",
        "a\\b",
        "weights//tower.bin",
    ],
)
def test_locations_outside_the_directory_are_refused(split: Path, location: str) -> None:
    relocate(split, location)
    refused(split, "beside the model")


def test_links_are_refused(split: Path) -> None:
    stored = split.parent / "weights" / "tower.bin"
    (split.parent / "soft.bin").symlink_to(stored)
    relocate(split, "soft.bin")
    refused(split, "symbolic links are not followed")
    (split.parent / "folder").symlink_to(stored.parent)
    relocate(split, "folder/tower.bin")
    refused(split, "cannot read")
    os.link(stored, split.parent / "hard.bin")
    relocate(split, "hard.bin")
    refused(split, "one link")


def test_what_is_not_a_file_is_refused(split: Path) -> None:
    relocate(split, "weights")
    refused(split, "regular file")
    os.mkfifo(split.parent / "pipe")
    relocate(split, "pipe")
    refused(split, "regular file")
    relocate(split, "absent.bin")
    refused(split, "cannot read")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"offset": "999999999"}, "ends before"),
        ({"offset": "-1"}, "offset must be a number"),
        ({"offset": "x"}, "offset must be a number"),
        ({"length": "1"}, "takes"),
    ],
)
def test_places_that_do_not_fit_are_refused(
    split: Path, fields: dict[str, str], words: str
) -> None:
    relocate(split, "weights/tower.bin", **fields)
    refused(split, words)


def test_a_short_file_is_refused(split: Path) -> None:
    stored = split.parent / "weights" / "tower.bin"
    stored.write_bytes(stored.read_bytes()[:-1])
    refused(split, "ends before")


def test_too_much_of_it_is_refused(split: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "MAX_GRAPH_BYTES", 10_000)
    with pytest.raises(LimitExceeded):
        import_model(split, signature=tower(0).signature)


def test_an_mlp_of_any_rank_has_parity() -> None:
    model = mlp(0, (8, 4), rank=3)
    assert import_checked(model.graph, signature=model.signature).parity.largest < 1e-5


def test_a_table_of_positions_may_be_short() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    size = build.node("Squeeze", build.node("Shape", "x", start=0, end=1))
    ends = (build.constant("zero", np.int64(0)), size, build.constant("one", np.int64(1)))
    places = build.weights("places", 10, FEATURES)
    build.node("Add", "x", build.node("Gather", places, build.node("Range", *ends)))
    build.rename_last("y")
    shape = ("length", FEATURES)
    signature = Signature(
        (Input("x", "user", "dense", "float32", shape),),
        (Output("y", "embedding", "float32", shape),),
    )
    model = build.model("m", signature)
    found = import_checked(model.graph, signature=signature)
    assert 1 <= found.parity.requests < 3
    too_long = {"x": np.zeros((11, FEATURES), np.float32)}
    with pytest.raises(InvalidInput, match="refuses"):
        import_model(model.graph, signature=signature, example=too_long)


def test_an_example_that_does_not_fit_is_refused() -> None:
    model = mlp(0, (8,))
    for example, error in (
        ({"z": np.zeros((2, FEATURES), np.float32)}, SignatureError),
        ({"x": np.zeros((2, FEATURES + 1), np.float32)}, ShapeError),
    ):
        with pytest.raises(error):
            import_model(model.graph, signature=model.signature, example=example)
