"""INT8 forms: what they compute, on which kernels, and that rows stay apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.compression.calibration import calibrate
from edgerec.compression.codes import encode, encode_bias, weight_limit
from edgerec.compression.quantization import quantize, quantize_reported
from edgerec.compression.static_int8 import find_products
from edgerec.errors import UnsupportedOperator, ValueRangeError
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.editor import Editor
from edgerec.graph.ids import table_rows
from edgerec.values.model import Model
from edgerec.values.plan import Precision
from edgerec.values.signature import Input, Output, Signature
from tests.contracts.batches import check_batch_invariance
from tests.oracles.compression import integer_product
from tests.strategies.graphs import FEATURES, GraphBuilder, few, mlp, mlps, tower

PLACES = [
    (Precision.INT8, "onnxruntime"),
    (Precision.INT8, "openvino"),
    (Precision.WEIGHT_INT8, "onnxruntime"),
    (Precision.WEIGHT_INT8, "openvino"),
    (Precision.INT8_ALL, "onnxruntime"),
    (Precision.INT8_ALL, "openvino"),
]
INTEGER = {"QGemm", "MatMulIntegerToFloat", "QLinearMatMul"}


def requests(model: Model, count: int = 16, candidates: int = 8, seed: int = 0) -> list[Any]:
    rng, rows = np.random.default_rng(seed), table_rows(model.graph)
    sizes = {"candidates": candidates, "length": 4}
    return [random_inputs(model.signature, rng=rng, sizes=sizes, high=rows) for _ in range(count)]


def run(model: Model, name: str, inputs: Any) -> dict[str, Any]:
    session = backend(name).open(model.graph, model.signature)
    try:
        return session.run(inputs)
    finally:
        session.close()


def optimised(model: Model, directory: Path) -> Counter[str]:
    """Operators that ONNX Runtime is left with after its own optimiser."""
    backend("onnxruntime").version()  # imports it as edgerec does
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(directory / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.graph, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    return Counter(node.op_type for node in graph.node)


weights = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    elements=st.floats(-(2.0**40), 2.0**40, width=32),
)


@given(weights, st.sampled_from([63, 127]), st.sampled_from([None, 0, 1]))
def test_codes_stand_for_the_weights(array: Any, limit: int, axis: int | None) -> None:
    found = encode(array, limit, axis=axis)
    assert found.codes.dtype == np.int8
    assert np.abs(found.codes.astype(int)).max() <= limit
    assert (found.scales > 0).all()
    spread = found.scales if axis is None else np.moveaxis(found.scales[:, None], 0, axis)
    scales = np.broadcast_to(spread, array.shape).astype(np.float64)
    tiny = np.abs(array).max(axis=None if axis is None else 1 - axis, keepdims=True) < 1e-35
    error = np.abs(found.codes * scales - array)
    assert (error <= scales * (0.5 + 1e-4)).all() or tiny.any()


@given(
    hnp.arrays(np.float32, 5, elements=st.floats(-(2.0**40), 2.0**40, width=32)),
    st.floats(2.0**-20, 2.0**20, width=32),
)
def test_a_bias_fits_int32_with_the_floor_that_goes_with_it(bias: Any, scale: float) -> None:
    floor = np.abs(bias.astype(np.float64)) / (scale * 2.0**30)
    codes = encode(np.zeros((3, 5), np.float32), 63, axis=1, floor=floor)
    found = encode_bias(bias, np.float32(scale), codes.scales)
    value = found.codes * found.scales.astype(np.float64)
    assert (np.abs(value - bias) <= found.scales * 0.51 + np.abs(bias) * 1e-6).all()


def test_the_largest_code_of_weights() -> None:
    assert 2 * 255 * weight_limit(seven_bit=True) < 2**15
    assert weight_limit(seven_bit=False) == 127


@pytest.mark.parametrize("name", BACKEND_NAMES)
@pytest.mark.parametrize("seven_bit", [True, False])
def test_static_int8_is_the_integer_product(name: str, seven_bit: bool) -> None:
    build = GraphBuilder(np.random.default_rng(3))
    build.linear("x", FEATURES, 5, "gemm")
    build.rename_last("y")
    model = build.model("m", dense_signature(5))
    calibration = requests(model)
    seen = calibrate(model, ["x"], calibration)["x"]
    narrow = quantize(
        model, calibration, precision=Precision.INT8, seven_bit=seven_bit, least_outputs=1
    )
    for inputs in calibration[:4]:
        wanted = integer_product(
            inputs["x"],
            build.constants["w0"],
            build.constants["b0"],
            seen.low,
            seen.high,
            63 if seven_bit else 127,
        )
        np.testing.assert_allclose(run(narrow, name, inputs)["y"], wanted, rtol=1e-5, atol=1e-5)


def dense_signature(outputs: int) -> Signature:
    return Signature(
        (Input("x", "item", "dense", "float32", ("candidates", FEATURES)),),
        (Output("y", "embedding", "float32", ("candidates", outputs)),),
    )


@few
@given(mlps())
def test_every_product_runs_in_integers(tmp_path_factory: Any, model: Model) -> None:
    narrow = quantize(model, requests(model, 4), precision=Precision.INT8, least_outputs=1)
    products = len(find_products(Editor(model.graph), ()))
    left = optimised(narrow, tmp_path_factory.mktemp("ort"))
    assert sum(left[name] for name in INTEGER) == products, left
    assert not left.keys() & {"Gemm", "MatMul", "FusedGemm", "DynamicQuantizeLinear"}, left


@few
@given(mlps(), st.sampled_from(PLACES[:4]), st.integers(0, 2**16))
def test_outputs_stay_close(model: Model, place: tuple[Precision, str], seed: int) -> None:
    precision, name = place
    calibration = requests(model)
    narrow = quantize(model, calibration, precision=precision, backend=name, least_outputs=1)
    wanted = np.concatenate([run(model, name, x)["y0"].ravel() for x in calibration[:4]])
    found = np.concatenate([run(narrow, name, x)["y0"].ravel() for x in calibration[:4]])
    assert np.sqrt(np.mean((found - wanted) ** 2)) <= 0.05 * np.abs(wanted).max() + 1e-3


@pytest.mark.parametrize(("precision", "name"), PLACES)
@pytest.mark.parametrize("seed", range(3))
def test_rows_of_a_tower_do_not_depend_on_each_other(
    precision: Precision, name: str, seed: int
) -> None:
    model = tower(seed)
    narrow = quantize(model, requests(model), precision=precision, backend=name)
    (inputs,) = requests(model, 1, 23, seed=seed + 50)
    session = backend(name).open(narrow.graph, narrow.signature)
    # Products in integers are exact; those of weight-only forms end in float32 sums.
    tolerance = 2e-6 if precision is Precision.WEIGHT_INT8 else 0.0
    check_batch_invariance(session, inputs, rng=np.random.default_rng(seed), tolerance=tolerance)
    session.close()


@few
@given(mlps(ranks=(2,)), st.sampled_from(BACKEND_NAMES))
def test_rows_of_any_network_do_not_depend_on_each_other(model: Model, name: str) -> None:
    narrow = quantize(
        model, requests(model, 4), precision=Precision.INT8, backend=name, least_outputs=1
    )
    (inputs,) = requests(model, 1, 11, seed=5)
    session = backend(name).open(narrow.graph, narrow.signature)
    check_batch_invariance(session, inputs, rng=np.random.default_rng(0))
    session.close()


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_a_last_product_in_fp32_moves_rows_by_its_rounding_only(name: str) -> None:
    model = mlp(0, (64, 48), outputs=1)
    narrow = quantize(model, requests(model), precision=Precision.INT8, backend=name)
    (inputs,) = requests(model, 1, 23, seed=5)
    session = backend(name).open(narrow.graph, narrow.signature)
    check_batch_invariance(session, inputs, rng=np.random.default_rng(0), tolerance=1e-5)
    session.close()


@pytest.mark.parametrize(("precision", "name"), PLACES)
def test_the_same_arguments_give_the_same_bytes(precision: Precision, name: str) -> None:
    model = tower(1)
    calibration = requests(model)
    once, again = (
        quantize(model, calibration, precision=precision, backend=name) for _ in range(2)
    )
    assert once == again
    assert once.signature == model.signature


def test_static_and_naive_forms_are_the_same_for_both_backends() -> None:
    model = tower(1)
    for precision in (Precision.INT8, Precision.INT8_ALL):
        forms = [
            quantize(model, requests(model), precision=precision, backend=name)
            for name in BACKEND_NAMES
        ]
        assert forms[0] == forms[1]


def test_excluded_nodes_stay_in_fp32(tmp_path: Path) -> None:
    model = tower(0)
    first, second = (n.name for n in Editor(model.graph).nodes if n.op_type == "Gemm")
    calibration = requests(model)
    narrow = quantize(model, calibration, precision=Precision.INT8, exclude=frozenset({first}))
    left = optimised(narrow, tmp_path)
    assert sum(left[name] for name in INTEGER) == 1
    assert left["Gemm"] + left["FusedGemm"] == 1
    report = quantize_reported(
        model, calibration, precision=Precision.INT8, exclude=frozenset({first})
    ).report
    assert report.rounded == (second,)


def test_tables_are_int8_rows_and_padding_stays_zero() -> None:
    model = tower(0)
    for name in BACKEND_NAMES:
        narrow = quantize(model, requests(model), precision=Precision.WEIGHT_INT8, backend=name)
        editor = Editor(narrow.graph)
        codes = editor.constant("table.codes")
        assert codes is not None
        assert codes.dtype == np.int8
        assert not codes[0].any()
        assert editor.constant("table") is None
        assert narrow.size_bytes < 0.45 * model.size_bytes


def test_openvino_keeps_weights_compressed() -> None:
    model = tower(0)
    narrow = quantize(model, requests(model), precision=Precision.WEIGHT_INT8, backend="openvino")
    backend("openvino").version()
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(narrow.graph), "CPU")
    stored = {
        tuple(op.get_output_shape(0)): str(op.get_output_element_type(0))
        for op in compiled.get_runtime_model().get_ordered_ops()
        if op.get_rt_info()["layerType"].astype(str) == "Const"
    }
    types = {shape: kind for shape, kind in stored.items() if np.prod(shape) > 1000}
    assert types
    assert all("int8" in kind for kind in types.values()), types


def with_outliers(model: Model) -> Model:
    """One row of the table and one column of the first weights are much larger than the rest."""
    proto = onnx.load_from_string(model.graph)
    for tensor in proto.graph.initializer:
        if tensor.name in ("table", "w8"):
            array = onnx.numpy_helper.to_array(tensor).copy()
            array[3] *= 20.0
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return Model(model.name, proto.SerializeToString(), model.signature)


def test_the_naive_form_loses_more() -> None:
    model = with_outliers(tower(2))
    calibration = requests(model)
    careful, naive = (
        quantize_reported(model, calibration, precision=precision).report
        for precision in (Precision.INT8, Precision.INT8_ALL)
    )
    assert naive.error > 1.1 * careful.error
    assert naive.size_bytes[1] < careful.size_bytes[1] < careful.size_bytes[0]
    assert "int8" in str(careful)


def test_a_gemm_that_adds_an_activation_keeps_adding_it() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    left = build.linear("x", FEATURES, 5, "gemm")
    build.node("Gemm", "x", build.weights("w", FEATURES, 5), left)
    build.rename_last("y")
    model = build.model("m", dense_signature(5))
    narrow = quantize(model, requests(model), precision=Precision.INT8, least_outputs=1)
    (inputs,) = requests(model, 1)
    np.testing.assert_allclose(
        run(narrow, "onnxruntime", inputs)["y"], run(model, "onnxruntime", inputs)["y"], atol=0.1
    )


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_channels_of_zeros_with_a_large_bias(name: str) -> None:
    build = GraphBuilder(np.random.default_rng(0))
    build.linear("x", FEATURES, 5, "gemm")
    build.rename_last("y")
    build.constants["w0"][:, 0] = 0.0
    build.constants["w0"][:, 1] = 1e-30
    build.constants["b0"][:2] = [1e6, -1e6]
    model = build.model("m", dense_signature(5))
    narrow = quantize(
        model, requests(model), precision=Precision.INT8, backend=name, least_outputs=1
    )
    (inputs,) = requests(model, 1)
    found = run(narrow, name, inputs)["y"]
    np.testing.assert_allclose(found[:, 0], 1e6, rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], -1e6, rtol=1e-5)


@pytest.mark.parametrize("inputs", [1, 5, 16, 31, 33, 100])
@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_weight_only_products_of_any_length(inputs: int, name: str) -> None:
    build = GraphBuilder(np.random.default_rng(inputs))
    build.linear("x", inputs, 7, "matmul-bias")
    build.rename_last("y")
    signature = Signature(
        (Input("x", "item", "dense", "float32", ("candidates", inputs)),),
        (Output("y", "embedding", "float32", ("candidates", 7)),),
    )
    model = build.model("m", signature)
    (given_,) = requests(model, 1)
    narrow = quantize(
        model, [given_], precision=Precision.WEIGHT_INT8, backend=name, least_outputs=1
    )
    wanted = given_["x"] @ build.constants["w0"] + build.constants["b0"]
    np.testing.assert_allclose(run(narrow, name, given_)["y"], wanted, atol=0.05)


def test_what_cannot_be_rounded_is_said() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    build.node("Relu", "x")
    build.rename_last("y")
    model = build.model("m", dense_signature(FEATURES))
    for precision in (Precision.INT8, Precision.WEIGHT_INT8):
        with pytest.raises(UnsupportedOperator, match="nothing that is worth storing"):
            quantize(model, requests(model), precision=precision)


def test_a_precision_may_be_given_by_its_name() -> None:
    model = mlp(0, (64, 48))
    calibration = requests(model, 4)
    named = quantize_reported(model, calibration, precision="int8")
    assert named.report.precision is Precision.INT8
    assert named.model.graph == quantize(model, calibration, precision=Precision.INT8).graph


def test_products_with_few_outputs_stay_in_fp32() -> None:
    model = mlp(0, (64, 48), outputs=8)
    report = quantize_reported(model, requests(model), precision=Precision.INT8).report
    assert len(report.rounded) == 2
    with pytest.raises(UnsupportedOperator, match="worth"):
        quantize(mlp(0, (8,)), requests(model), precision=Precision.INT8)


def test_old_opsets_are_refused() -> None:
    proto = onnx.load_from_string(mlp(0, (48,), forms=("gemm",), activations=("Relu",)).graph)
    proto.opset_import[0].version = 12
    model = mlp(0, (48,))
    old = Model("old", proto.SerializeToString(), model.signature)
    with pytest.raises(UnsupportedOperator, match="opset 13"):
        quantize(old, requests(model), precision=Precision.INT8)


def test_arguments_out_of_range_are_refused() -> None:
    model = mlp(0, (8,))
    with pytest.raises(ValueRangeError, match="fp32"):
        quantize(model, requests(model), precision=Precision.FP32)
    with pytest.raises(ValueRangeError, match="'int4'; use some of fp32, int8, weight-int8"):
        quantize(model, requests(model), precision="int4")
    with pytest.raises(ValueRangeError, match="backend"):
        quantize(model, requests(model), precision=Precision.INT8, backend="paper")
    with pytest.raises(ValueRangeError, match="request"):
        quantize(model, [], precision=Precision.INT8)


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT8_ALL])
def test_another_reader_may_stand_before_the_product(precision: Precision) -> None:
    build = GraphBuilder(np.random.default_rng(0))
    bent = build.node("Relu", "x")
    plain = build.node("MatMul", "x", build.weights("w", FEATURES, 40))
    build.node("Add", build.node("MatMul", bent, "w"), plain)
    build.rename_last("y0")
    model = build.model("m", one_layer(40))
    calibration = requests(model)
    rounded = quantize(model, calibration, precision=precision)
    before, after = (run(m, "onnxruntime", calibration[0])["y0"] for m in (model, rounded))
    assert np.abs(after - before).max() < 0.1 * np.abs(before).max()


def test_a_vector_that_is_called_like_a_bias_is_none() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    product = build.node("MatMul", "x", build.weights("w", FEATURES, 40))
    vector = build.constant(f"{build.nodes[-1].name}.bias", np.full(40, 9.0, np.float32))
    build.node("Mul", build.node("Add", product, vector), build.node("Sigmoid", product))
    build.rename_last("y0")
    model = build.model("m", one_layer(40))
    calibration = requests(model)
    rounded = quantize(model, calibration, precision=Precision.INT8)
    before, after = (run(m, "onnxruntime", calibration[0])["y0"] for m in (model, rounded))
    assert np.abs(after - before).max() < 0.1 * np.abs(before).max()


def test_blocks_of_zeros_add_nothing() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    build.node("MatMul", "x", build.constant("w", np.zeros((FEATURES, 40), np.float32)))
    build.rename_last("y0")
    model = build.model("m", one_layer(40))
    rounded = quantize(model, [], precision=Precision.WEIGHT_INT8)
    for inputs in requests(model):
        assert not run(rounded, "onnxruntime", inputs)["y0"].any()


def one_layer(outputs: int) -> Signature:
    source = Input("x", "item", "dense", "float32", ("candidates", FEATURES))
    made = Output("y0", "embedding", "float32", ("candidates", outputs))
    return Signature((source,), (made,))
