"""Channels of like range: the same function, better in INT8."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.compression import equalization
from edgerec.compression.equalization import Channels, choose_scales, equalize
from edgerec.compression.quantization import quantize_reported
from edgerec.compression.static_int8 import find_products
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.editor import Editor
from edgerec.values.model import Model
from edgerec.values.plan import Precision
from edgerec.values.signature import Input, Output, Signature
from tests.oracles.compression import evaluate
from tests.strategies.graphs import FEATURES, GraphBuilder, few, mlp, mlps


def requests(model: Model, loud: tuple[int, ...] = (), count: int = 12) -> list[Any]:
    """Requests whose channels ``loud`` are a hundred times the others."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        inputs = random_inputs(model.signature, rng=rng, sizes={"candidates": 8, "length": 3})
        inputs["x"][..., list(loud)] *= np.float32(100)
        found.append(inputs)
    return found


def equalized(model: Model, calibration: list[Any]) -> Model:
    return equalize(model, find_products(Editor(model.graph), ()), calibration, 63)


@few
@given(mlps(), st.sets(st.integers(0, 5), max_size=2))
def test_the_function_stays_the_same(model: Model, loud: set[int]) -> None:
    calibration = requests(model, tuple(loud))
    even = equalized(model, calibration)
    for inputs in calibration[:3]:
        wanted, found = evaluate(model.graph, inputs), evaluate(even.graph, inputs)
        for name, value in wanted.items():
            size = float(np.abs(value).max()) + 1.0
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5 * size)


def test_loud_channels_no_longer_drown_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model = mlp(3, (48,), forms=("gemm",), activations=("Tanh",), outputs=48)
    proto = onnx.load_from_string(model.graph)
    for tensor in proto.graph.initializer:
        if tensor.name == "w0":
            array = onnx.numpy_helper.to_array(tensor).copy()
            array[0] /= 100.0  # the loud channel counts as much as any other
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, "w0"))
    model = Model("m", proto.SerializeToString(), model.signature)
    calibration = requests(model, (0,))
    with_it = quantize_reported(model, calibration, precision=Precision.INT8).report
    monkeypatch.setattr(equalization, "WORTH", 0.0)
    without = quantize_reported(model, calibration, precision=Precision.INT8).report
    assert with_it.error < 0.25 * without.error


def test_a_scale_goes_through_a_relu_into_the_layer_before() -> None:
    model = mlp(1, (16,), forms=("gemm",), activations=("Relu",))
    proto = onnx.load_from_string(model.graph)
    for tensor in proto.graph.initializer:
        if tensor.name in ("w0", "b0"):
            array = onnx.numpy_helper.to_array(tensor).copy()
            array[..., :2] *= 200.0
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    loud = Model("m", proto.SerializeToString(), model.signature)
    even = Editor(equalized(loud, requests(loud)).graph)
    assert [node.op_type for node in even.nodes] == ["Gemm", "Relu", "Gemm"]
    columns = np.abs(even.constant(even.nodes[0].input[1])).max(axis=0)
    assert columns.max() < 20 * np.median(columns)


def test_like_channels_are_left_alone() -> None:
    model = mlp(1, (16, 16), forms=("matmul-bias",), activations=("Tanh",))
    assert equalized(model, requests(model)).graph == Editor(model.graph).finish()


def test_channels_are_streamed() -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(30, 2, 4)).astype(np.float32) + np.float32(0.5)
    seen = Channels()
    for part in np.array_split(whole, 4):
        seen.add(part)
    rows = whole.reshape(-1, 4).astype(np.float64)
    np.testing.assert_array_equal(seen.low, np.minimum(rows.min(axis=0), 0))
    np.testing.assert_array_equal(seen.high, np.maximum(rows.max(axis=0), 0))
    np.testing.assert_allclose(seen.square, np.square(rows).mean(axis=0))


def test_what_was_never_seen_or_never_counts_does_no_harm() -> None:
    seen = Channels()
    x = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    x[:, 0] = 0.0
    x[:, 1] *= 500.0
    seen.add(x)
    weights = np.random.default_rng(1).normal(size=(6, 4))
    weights[1] /= 500.0
    weights[2] = 0.0
    scales = choose_scales(seen, weights, 63)
    assert scales is not None
    assert (scales > 0).all()
    assert np.isfinite(scales).all()
    assert scales[1] > 10 * scales[3]
    assert (
        choose_scales(Channels(np.zeros(3), np.zeros(3), np.zeros(3), 5), weights[:3], 63) is None
    )


def test_a_product_that_also_adds_its_input_keeps_it() -> None:
    rng = np.random.default_rng(0)
    build = GraphBuilder(rng)
    loud = np.where(np.arange(FEATURES) < 3, 1.0, 1000.0).astype(np.float32)
    first = build.weights("first", FEATURES, FEATURES)
    build.constants[first] *= loud
    bent = build.node("Relu", build.node("MatMul", "x", first))
    build.node("Gemm", bent, build.weights("second", FEATURES, FEATURES), bent)
    build.rename_last("y0")
    source = Input("x", "item", "dense", "float32", ("candidates", FEATURES))
    shape = ("candidates", FEATURES)
    model = build.model("m", Signature((source,), (Output("y0", "embedding", "float32", shape),)))
    calibration = requests(model)
    even = equalized(model, calibration)
    assert even.graph != Editor(model.graph).finish()
    before, after = (evaluate(m.graph, calibration[0])["y0"] for m in (model, even))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-2)


def test_a_request_without_rows_counts_for_nothing() -> None:
    seen = Channels()
    for rows in (2, 0):
        seen.add(np.full((rows, 3), 2.0, np.float32))
    assert (seen.low.tolist(), seen.high.tolist(), seen.rows) == ([0.0] * 3, [2.0] * 3, 2)
