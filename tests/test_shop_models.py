"""The models that ship: small, honest about their inputs, and good at what they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from edgerec.backends.registry import backend
from edgerec.compression.quantization import quantize
from edgerec.evaluation.inputs import random_inputs
from edgerec.evaluation.intervals import relative_difference
from edgerec.features.items import item_inputs
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.features.spec import FeatureSpec
from edgerec.graph.metadata import read_signature
from edgerec.importers.importer import import_model
from edgerec.shop.data import items_of
from edgerec.shop.evaluate import Quality, evaluate, sessions
from edgerec.shop.files import MODELS, feature_spec, shipped_model
from edgerec.shop.generator import Shop, make_shop
from edgerec.values.model import Model
from edgerec.values.plan import Precision
from edgerec.values.signature import Arrays, Role

LARGEST_BYTES = 5_000_000
VISITS = 1500
CALIBRATION = 64
Run = Callable[[Arrays], dict[str, Any]]


@cache
def shop() -> Shop:
    return make_shop()


@cache
def quality() -> Quality:
    return evaluate(sessions("onnxruntime"), feature_spec(), shop(), visits=VISITS)


def test_models_are_small() -> None:
    assert sum(len(shipped_model(name)) for name in MODELS) <= LARGEST_BYTES


@pytest.mark.parametrize("name", MODELS)
def test_models_carry_their_signatures(name: str) -> None:
    signature = read_signature(shipped_model(name))
    assert signature is not None
    assert len(signature.outputs) == 1
    roles = {tensor.role for tensor in signature.inputs}
    assert (
        roles
        == {
            "item_tower": {Role.ITEM},
            "user_tower": {Role.USER},
            "query_tower": {Role.QUERY},
            "ranker": {Role.USER, Role.QUERY, Role.ITEM, Role.PAIR},
        }[name]
    )


def test_inputs_are_what_the_features_make() -> None:
    spec, runs = feature_spec(), sessions("onnxruntime")
    few = make_shop(20, 1)
    (vectors,) = runs["item_tower"](item_inputs(spec, items_of(few))).values()
    assert vectors.shape == (20, spec.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    for history in (vectors, vectors[:0]):
        (user,) = runs["user_tower"](user_inputs(spec, history)).values()
        assert user.shape == (1, spec.dim)
    for text in ("walnut queen bed", "qwxz", ""):
        (query,) = runs["query_tower"](query_inputs(spec, text)).values()
        assert np.isfinite(query).all()


def test_padding_changes_no_vector() -> None:
    spec, runs = feature_spec(), sessions("onnxruntime")
    text = query_inputs(spec, "walnut queen bed")["text"]
    padded = np.pad(text, ((0, 0), (0, 9)))
    rng = np.random.default_rng(0)
    history = rng.normal(size=(1, 5, spec.dim)).astype(np.float32)
    longer = np.pad(history, ((0, 0), (7, 0), (0, 0)))
    for name, field, short, long in (
        ("query_tower", "text", text, padded),
        ("user_tower", "history", history, longer),
    ):
        (one,), (other,) = (runs[name]({field: array}).values() for array in (short, long))
        assert np.allclose(one, other, atol=1e-5), name


def test_a_score_does_not_depend_on_the_other_candidates() -> None:
    signature = read_signature(shipped_model("ranker"))
    assert signature is not None
    run = sessions("onnxruntime")["ranker"]
    inputs = random_inputs(signature, rng=np.random.default_rng(0), sizes={"candidates": 9})
    whole = run(inputs)["score"]
    for row in range(9):
        alone = {
            name: array if name in ("user", "query") else array[row : row + 1]
            for name, array in inputs.items()
        }
        assert np.allclose(run(alone)["score"], whole[row], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_backends_agree(name: str) -> None:
    import_model(shipped_model(name), name=name)


@pytest.mark.slow
@pytest.mark.parametrize("surface", ["all", "recommend", "search"])
def test_models_are_good(surface: str) -> None:
    means = quality().to_dict()[surface]
    assert means["models"] >= 5 * means["popularity"]
    assert means["of_oracle"] >= 0.6


@pytest.mark.slow
def test_naive_int8_loses_something() -> None:
    spec: FeatureSpec = feature_spec()
    requests = _recorded(spec)
    rounded = {
        name: _naive(Model(name, shipped_model(name), _signature(name)), requests[name])
        for name in MODELS
    }
    after = evaluate(rounded, spec, shop(), visits=VISITS).models
    difference = relative_difference(quality().models, after, rng=np.random.default_rng(0))
    assert difference.high < 0, f"lost {-difference.point:.2%}, which may be chance"


def _recorded(spec: FeatureSpec) -> Mapping[str, list[Arrays]]:
    """A few requests to each model, as an evaluation makes them."""
    seen: dict[str, list[Arrays]] = {name: [] for name in MODELS}

    def recording(name: str, run: Run) -> Run:
        def record(inputs: Arrays) -> dict[str, Any]:
            if len(seen[name]) < CALIBRATION:
                seen[name].append(inputs)
            return run(inputs)

        return record

    runs = {name: recording(name, run) for name, run in sessions("onnxruntime").items()}
    evaluate(runs, spec, shop(), visits=2 * CALIBRATION)
    return seen


def _naive(model: Model, requests: list[Arrays]) -> Run:
    """Every operator in INT8, one scale a tensor."""
    rounded = quantize(model, requests, precision=Precision.INT8_ALL)
    return backend("onnxruntime").open(rounded.graph, rounded.signature).run


def _signature(name: str) -> Any:
    return read_signature(shipped_model(name))
