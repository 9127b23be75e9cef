"""Pruning: smaller, as asked, and as good as measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.compression.pruning import prune
from edgerec.compression.sensitivity import Probe, held_out, sensitivity
from edgerec.errors import ValueRangeError
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.ids import table_rows
from edgerec.graph.widths import find_widths
from edgerec.values.model import Model
from edgerec.values.signature import Input, Output, Signature
from tests.strategies.graphs import FEATURES, GraphBuilder, few, mlp, mlps, tower


def requests(model: Model, count: int = 24, candidates: int = 6, seed: int = 0) -> list[Any]:
    rng, rows = np.random.default_rng(seed), table_rows(model.graph)
    sizes = {"candidates": candidates, "length": 3}
    return [random_inputs(model.signature, rng=rng, sizes=sizes, high=rows) for _ in range(count)]


@few
@given(mlps(), st.sampled_from([0.25, 0.5, 0.75]))
def test_what_is_asked_is_kept_and_the_refit_is_not_worse(model: Model, keep: float) -> None:
    calibration = requests(model, 8)
    pruned = prune(model, calibration, keep=keep)
    report = pruned.report
    widths = find_widths(model.graph)
    assert [(w.name, w.before) for w in report.widths] == [(w.name, w.size) for w in widths]
    assert {w.name: w.size for w in find_widths(pruned.model.graph)} == {
        w.name: w.after for w in report.widths if w.after > 1
    }
    step = max(-(-width.size // 8) for width in widths)
    total = sum(width.size for width in widths)
    smallest = sum(min(w.size, -(-w.size // 8)) for w in widths)
    assert report.kept * total <= max(keep * total, smallest) + 1e-9
    assert report.kept * total >= min(keep * total - step, total) - 1e-9
    assert report.error <= report.plain_error * (1 + 1e-9)
    _, judging = held_out(calibration)
    assert report.error == pytest.approx(Probe(model, judging).perturbation(pruned.model))
    assert report.multiply_adds[1] < report.multiply_adds[0]
    assert pruned.model.signature == model.signature


def redundant(seed: int, width: int) -> Model:
    """A network whose hidden channels all lie in the span of half of them."""
    model = mlp(seed, (width,), forms=("gemm",), activations=("LeakyRelu",))
    proto = onnx.load_from_string(model.graph)
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    for name in ("w0", "b0"):
        array = onnx.numpy_helper.to_array(stored[name]).copy()
        array[..., width // 2 :] = 2.0 * array[..., : width // 2]
        stored[name].CopyFrom(onnx.numpy_helper.from_array(array, name))
    return Model(model.name, proto.SerializeToString(), model.signature)


def test_redundant_channels_cost_nothing_with_the_refit() -> None:
    model = redundant(0, 16)
    report = prune(model, requests(model), keep=0.5).report
    assert report.kept == 0.5
    assert report.error < 1e-2 < report.plain_error


def test_the_width_that_matters_less_loses_more() -> None:
    model = redundant(1, 32)
    wide = mlp(1, (32, 32), activations=("Tanh",))
    curves = sensitivity(model, requests(model)).curves + sensitivity(wide, requests(wide)).curves
    at_half = [curve.errors[curve.sizes.index(16)] for curve in curves]
    assert at_half[0] < min(at_half[1:])


def test_curves_start_at_nothing_and_rise() -> None:
    model = tower(0)
    (curve,) = sensitivity(model, requests(model)).curves
    assert curve.sizes == (64, 56, 48, 40, 32, 24, 16, 8)
    assert curve.errors[0] == 0.0
    assert curve.errors[-1] > curve.errors[1] > 0.0
    assert [len(kept) for kept in curve.kept] == list(curve.sizes)


def test_a_tower_is_pruned_and_runs_on_both_backends() -> None:
    model = tower(0)
    pruned = prune(model, requests(model), keep=0.5)
    assert pruned.report.widths[0].after == 32
    assert pruned.model.size_bytes < model.size_bytes
    (inputs,) = requests(model, 1, 9, seed=7)
    found = []
    for name in BACKEND_NAMES:
        session = backend(name).open(pruned.model.graph, pruned.model.signature)
        found.append(session.run(inputs)["vector"])
        session.close()
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found[0], axis=1), 1.0, rtol=1e-4)


def test_a_sensitivity_serves_for_every_keep_and_the_same_bytes_come_out() -> None:
    model = mlp(5, (16, 16))
    calibration = requests(model)
    known = sensitivity(model, calibration)
    for keep in (0.75, 0.5):
        with_it = prune(model, calibration, keep=keep, sensitivity=known)
        assert with_it == prune(model, calibration, keep=keep)


def test_models_without_widths_come_back_as_they_are() -> None:
    model = mlp(0, ())
    pruned = prune(model, requests(model), keep=0.5)
    assert pruned.model is model
    assert pruned.report.widths == ()
    assert "no hidden width" in str(pruned.report)


def test_keeping_everything_gives_the_model_itself() -> None:
    model = mlp(0, (8,))
    assert prune(model, requests(model), keep=1.0).model is model


def test_a_quarter_is_held_out_where_there_is_enough() -> None:
    model = mlp(0, (8,))
    calibration = requests(model, 9)
    fitting, judging = held_out(calibration)
    assert len(fitting) == 7
    assert [id(r) for r in judging] == [id(calibration[3]), id(calibration[7])]
    assert held_out(calibration[:7]) == (calibration[:7], calibration[:7])


def test_scores_are_compared_within_a_request() -> None:
    plain = mlp(0, (8,), forms=("gemm",), outputs=1)
    (output,) = plain.signature.outputs
    scored = Signature(plain.signature.inputs, (replace(output, meaning="score"),))
    shifted = onnx.load_from_string(plain.graph)
    (found,) = (t for t in shifted.graph.initializer if t.name == shifted.graph.node[-1].input[2])
    moved = onnx.numpy_helper.to_array(found) + np.float32(5)
    found.CopyFrom(onnx.numpy_helper.from_array(moved, found.name))
    other = Model("mlp", shifted.SerializeToString(), plain.signature)
    assert Probe(plain, requests(plain)).perturbation(other) > 1.0
    as_score = replace(plain, signature=scored)
    assert Probe(as_score, requests(plain)).perturbation(other) < 1e-5


def test_the_report_reads() -> None:
    model = tower(0)
    text = str(prune(model, requests(model), keep=0.5).report)
    assert "kept 50% of the hidden width" in text
    assert "64 → 32" in text


def test_progress_is_told() -> None:
    model, heard = mlp(0, (8, 8)), []
    prune(model, requests(model), keep=0.5, progress=heard.append)
    assert len(heard) == 3
    assert all(text.startswith("mlp: ") for text in heard)


@pytest.mark.parametrize("keep", [0.0, -0.5, 1.5, float("nan")])
def test_shares_out_of_range_are_refused(keep: float) -> None:
    model = mlp(0, (8,))
    with pytest.raises(ValueRangeError, match="keep"):
        prune(model, requests(model), keep=keep)


def test_no_requests_and_another_models_sensitivity_are_refused() -> None:
    model = mlp(0, (8,))
    with pytest.raises(ValueRangeError, match="request"):
        prune(model, [], keep=0.5)
    other = sensitivity(mlp(1, (8,)), requests(model))
    with pytest.raises(ValueRangeError, match="another model"):
        prune(model, requests(model), keep=0.5, sensitivity=other)


def test_outputs_of_any_length_are_compared() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    hidden = build.node("Relu", build.linear("x", FEATURES, 32, "gemm"))
    build.node("Transpose", build.linear(hidden, 32, 1, "gemm"), perm=[1, 0])
    build.rename_last("score")
    build.node("MatMul", "z", build.weights("v", FEATURES, 2))
    build.rename_last("vector")
    inputs = (
        Input("x", "item", "dense", "float32", ("candidates", FEATURES)),
        Input("z", "user", "dense", "float32", ("steps", FEATURES)),
    )
    outputs = (
        Output("score", "score", "float32", (1, "candidates")),
        Output("vector", "embedding", "float32", ("steps", 2)),
    )
    model = build.model("m", Signature(inputs, outputs))
    rng = np.random.default_rng(1)
    shapes = [{"candidates": 3 + n % 3, "steps": 1 + n % 5} for n in range(24)]
    calibration = [random_inputs(model.signature, rng=rng, sizes=sizes) for sizes in shapes]
    report = prune(model, calibration, keep=0.5).report
    assert 0.0 < report.error <= report.plain_error
