"""JSON: one form, and one value for every reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from edgerec.bundle.canonical import canonical_json, check_json, parse_json
from edgerec.errors import InvalidInput, LimitExceeded
from tests.oracles import bundles as oracle
from tests.strategies import bundles


@given(bundles.json_values())
def test_what_was_written_is_read_and_written_alike(value: Any) -> None:
    check_json(value)
    data = canonical_json(value)
    assert data == oracle.canonical(value)
    assert parse_json(data) == value
    assert canonical_json(parse_json(data)) == data


def test_keys_have_one_order() -> None:
    assert canonical_json({"b": 1, "é": 2, "a": {"d": 0.5, "c": None}}) == (
        '{"a":{"c":null,"d":0.5},"b":1,"é":2}'.encode()
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'[{"x":{"a":1,"b":2,"a":3}}]', "twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "finite"),
        (b"[9223372036854775808]", "64 bits"),
        (b"9" * 5000, "JSON"),
        (b'["\\ud800"]', "Unicode"),
        (b'{"\\udfff":1}', "Unicode"),
        (b'"\xff"', "JSON"),
        (b'\xef\xbb\xbf{"a":1}', "JSON"),
        (b"{} {}", "JSON"),
        (b"", "JSON"),
        (b"{'a':1}", "JSON"),
    ],
)
def test_what_readers_read_differently_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_json(data)


@pytest.mark.parametrize("depth", [33, 1_000, 1_000_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(LimitExceeded, match="32 deep"):
        parse_json(b"[" * (depth + 1) + b"]" * (depth + 1))
    assert parse_json(b"[" * 32 + b"]" * 32) is not None


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**63,
        {1: 2},
        {"a": {1}},
        b"x",
        np.float32(1),
        np.zeros(2),
        "\ud800",
    ],
    ids=repr,
)
def test_what_is_not_json_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"\$\.models\[1\]"):
        check_json({"models": [0, value]})
