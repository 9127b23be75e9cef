"""Examples check all that they promise, and taking requests takes all that belongs to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.errors import InvalidInput, ShapeError, SignatureError, ValueRangeError
from edgerec.values.examples import Examples
from edgerec.values.signature import Role
from tests.strategies.examples import RANKER, examples

patient = settings(deadline=None)


def good() -> dict[str, Any]:
    return {
        "inputs": {
            "user": np.zeros((2, 3), np.float32),
            "seen": np.ones((2, 4), np.int64),
            "pair": np.zeros((5, 2), np.float32),
        },
        "roles": Examples.roles_of(RANKER),
        "offsets": np.array([0, 2, 5]),
        "labels": np.zeros(5, np.float32),
    }


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"offsets": [0, 2, 5]}, ShapeError, "offsets.*list"),
        ({"offsets": np.array([0, 2, 5], np.int32)}, ShapeError, "int32"),
        ({"offsets": np.array([1, 2, 5])}, ShapeError, "starting at 0"),
        ({"offsets": np.array([0])}, ShapeError, "at least one"),
        ({"offsets": np.array(0)}, ShapeError, "shape"),
        ({"offsets": np.array([0, 5, 2])}, ValueRangeError, "ascend"),
        ({"offsets": np.array([0, 5, 5])}, ValueRangeError, "one row"),
        ({"labels": np.zeros(4, np.float32)}, ShapeError, "labels.*5"),
        ({"labels": np.zeros(5)}, ShapeError, "float64"),
        ({"labels": np.full(5, np.nan, np.float32)}, ValueRangeError, "finite"),
        ({"labels": np.full(5, -1, np.float32)}, ValueRangeError, "negative"),
        ({"labels": [0.0] * 5}, ShapeError, "labels.*list"),
        ({"weights": np.ones(5, np.float32)}, ShapeError, "weights.*2"),
        ({"weights": np.array([1, np.inf], np.float32)}, ValueRangeError, "weights"),
        ({"weights": np.array([1, -1], np.float32)}, ValueRangeError, "weights"),
        ({"propensities": np.ones(2, np.float32)}, ShapeError, "propensities.*5"),
        ({"propensities": np.zeros(5, np.float32)}, ValueRangeError, r"\(0, 1\]"),
        ({"propensities": np.full(5, np.nan, np.float32)}, ValueRangeError, r"\(0, 1\]"),
        ({"inputs": {}}, SignatureError, "no inputs"),
        ({"roles": {"user": Role.USER}}, SignatureError, "same inputs"),
        ({"roles": {"user": "user", "seen": "user", "pair": "x"}}, SignatureError, "Role"),
        ({"lengths": {"seen": np.array([4, 5])}}, ValueRangeError, r"\[0, 4\]"),
        ({"lengths": {"seen": np.array([-1, 4])}}, ValueRangeError, r"\[0, 4\]"),
        ({"lengths": {"seen": np.array([4])}}, ShapeError, "lengths"),
        ({"lengths": {"pair": np.ones(2, np.int64)}}, SignatureError, "pair"),
        ({"lengths": {"other": np.ones(2, np.int64)}}, SignatureError, "other"),
    ],
)
def test_what_is_not_as_promised_is_refused(
    change: dict[str, Any], error: type[InvalidInput], words: str
) -> None:
    with pytest.raises(error, match=words):
        Examples(**{**good(), **change})


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 3), np.float32),
        np.zeros((2, 3)),
        np.array(1.0, np.float32),
        np.array(["a", "b"]),
        [[0.0] * 3] * 2,
    ],
)
def test_an_input_of_another_kind_is_refused(array: Any) -> None:
    values = good()
    values["inputs"]["user"] = array
    with pytest.raises(ShapeError, match="user"):
        Examples(**values)


@patient
@given(examples(), st.data())
def test_taking_requests_takes_all_that_belongs_to_them(whole: Examples, data: Any) -> None:
    chosen = data.draw(st.lists(st.integers(0, whole.requests - 1), min_size=1, max_size=6))
    part = whole.take(np.array(chosen))
    labels = list(whole.label_groups())
    assert part.requests == len(chosen)
    for place, (request, gains) in enumerate(zip(part, part.label_groups(), strict=True)):
        for name, array in whole.request(chosen[place]).items():
            np.testing.assert_array_equal(request[name], array)
        np.testing.assert_array_equal(gains, labels[chosen[place]])
    if whole.weights is not None:
        assert part.weights is not None
        np.testing.assert_array_equal(part.weights, whole.weights[chosen])
    assert (part.propensities is None) == (whole.propensities is None)


@patient
@given(examples())
def test_every_request_can_be_given_to_a_session(whole: Examples) -> None:
    for request in whole:
        RANKER.check(request)


@patient
@given(examples(), examples())
def test_sameness_is_of_what_is_held(one: Examples, other: Examples) -> None:
    assert one.same(one.take(np.arange(one.requests)))
    assert one.same(other) == other.same(one)
    if one.rows != other.rows:
        assert not one.same(other)
