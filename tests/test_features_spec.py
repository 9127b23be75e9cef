"""Feature specs come back from JSON, and refuse what makes no sense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import RecipeError, ValueRangeError
from edgerec.features.spec import FeatureSpec, TextSpec

specs = st.builds(
    FeatureSpec,
    categories=st.lists(st.text(max_size=5), unique=True, max_size=4).map(tuple),
    text=st.builds(TextSpec, buckets=st.integers(3, 99), max_length=st.integers(1, 99)),
    brand_buckets=st.integers(3, 99),
    dense=st.sampled_from([(), ("price",), ("price", "stock")]),
    history_length=st.integers(1, 99),
    dim=st.integers(1, 99),
)


@given(specs)
def test_a_spec_comes_back_from_json(spec: FeatureSpec) -> None:
    assert FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 0},
        {"dim": 2.5},
        {"brand_buckets": 2},
        {"history_length": 0},
        {"history_length": "8"},
        {"dense": ("a", "a")},
        {"dense": "price"},
        {"categories": (1,)},
    ],
)
def test_values_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(ValueRangeError, match=next(iter(change))):
        FeatureSpec(**{"categories": ("a",), **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"buckets": 2}, {"buckets": 2**40}, {"max_length": 0}, {"max_length": 2.5}]
)
def test_text_values_out_of_range(change: dict[str, Any]) -> None:
    with pytest.raises(ValueRangeError, match=next(iter(change))):
        TextSpec(**change)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": {}, "colour": 1},
        {"text": {"grams": 3}},
    ],
)
def test_not_a_spec(data: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="feature spec"):
        FeatureSpec.from_dict(data)


def test_texts_of_another_unicode_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    data = FeatureSpec(("a",)).to_dict()
    FeatureSpec.from_dict(data)
    assert not caplog.records
    FeatureSpec.from_dict({**data, "text": {**data["text"], "unicode": "3.2.0"}})
    assert "Unicode 3.2.0" in caplog.text
