"""A signature stands between a caller and every engine."""

from __future__ import annotations

import numpy as np
import pytest

from edgerec.errors import ShapeError, SignatureError, ValueRangeError
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

USER = Input("user", Role.USER, Kind.DENSE, "float32", (1, 4))
ITEM = Input("item", Role.ITEM, Kind.ID, "int64", ("candidates",))
PAIR = Input("pair", Role.PAIR, Kind.DENSE, "float32", ("candidates", 2))
SCORE = Output("score", Meaning.SCORE, "float32", ("candidates",))
SIGNATURE = Signature((USER, ITEM, PAIR), (SCORE,))


def good() -> dict[str, np.ndarray]:
    return {
        "user": np.zeros((1, 4), np.float32),
        "item": np.arange(3, dtype=np.int64),
        "pair": np.zeros((3, 2), np.float32),
    }


def test_good_inputs_pass_and_a_signature_survives_json() -> None:
    SIGNATURE.check(good())
    assert Signature.from_dict(SIGNATURE.to_dict()) == SIGNATURE
    assert SIGNATURE.inputs_of(Role.ITEM, Role.PAIR) == (ITEM, PAIR)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"user": np.zeros((1, 4))}, ShapeError, "float32"),
        ({"user": np.zeros((2, 4), np.float32)}, ShapeError, "user"),
        ({"user": np.zeros(4, np.float32)}, ShapeError, "user"),
        ({"pair": np.zeros((2, 2), np.float32)}, ShapeError, "candidates"),
        ({"item": np.array([0, -1, 2])}, ValueRangeError, "negative"),
        ({"pair": np.full((3, 2), np.nan, np.float32)}, ValueRangeError, "NaN"),
        ({"pair": np.full((3, 2), np.inf, np.float32)}, ValueRangeError, "infinity"),
        (
            {"item": np.zeros(0, np.int64), "pair": np.zeros((0, 2), np.float32)},
            ShapeError,
            "no el",
        ),
        ({"item": [1, 2, 3]}, ShapeError, "numpy"),
        ({"extra": np.zeros(1)}, SignatureError, "extra"),
    ],
)
def test_bad_inputs_are_refused(
    change: dict[str, np.ndarray], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        SIGNATURE.check({**good(), **change})


def test_a_missing_input_is_named() -> None:
    inputs = good()
    del inputs["pair"]
    with pytest.raises(SignatureError, match="missing: pair"):
        SIGNATURE.check(inputs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Input("x", "shopper", Kind.DENSE, "float32", (1,)),
        lambda: Input("x", Role.USER, "scalar", "float32", (1,)),
        lambda: Input("x", Role.USER, Kind.DENSE, "float64", (1,)),
        lambda: Input("x", Role.USER, Kind.DENSE, "int64", (1,)),
        lambda: Input("x", Role.USER, Kind.ID, "float32", (1,)),
        lambda: Input("x", Role.USER, Kind.DENSE, "float32", (0,)),
        lambda: Input("", Role.USER, Kind.DENSE, "float32", (1,)),
        lambda: Signature((), (SCORE,)),
        lambda: Signature((USER, USER), (SCORE,)),
        lambda: Signature.from_dict({"inputs": []}),
        lambda: Signature.from_dict({"inputs": [{"nom": 1}], "outputs": []}),
    ],
)
def test_a_signature_that_makes_no_sense_is_refused(make: object) -> None:
    with pytest.raises(SignatureError):
        make()  # type: ignore[operator]
