"""Filters: sugar and canonical trees mean the same, nonsense is refused with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.values.where import Branch, Leaf, parse_where


def test_shorthands() -> None:
    assert parse_where(
        {"brand": ["Acme", "Bolt"], "price": (None, 50), "in_stock": True}
    ) == Branch(
        "and",
        (
            Leaf("brand", "in", ("Acme", "Bolt")),
            Leaf("price", "lte", 50),
            Leaf("in_stock", "eq", True),
        ),
    )
    assert parse_where({"price": (10, 50)}) == parse_where({"field": "price", "gte": 10, "lte": 50})
    assert parse_where({"brand": {"Bolt", "Acme"}}) == parse_where({"brand": ["Acme", "Bolt"]})
    assert parse_where({"price": {"lt": 5}}) == Leaf("price", "lt", 5)
    assert parse_where(None) is None
    assert parse_where({}) is None


def test_numpy_scalars_are_the_values_they_stand_for() -> None:
    assert parse_where({"price": (None, np.float32(50))}) == Leaf("price", "lte", 50.0)
    assert parse_where({"in_stock": np.True_}) == Leaf("in_stock", "eq", True)
    assert parse_where({"brand": [np.str_("Acme")]}) == Leaf("brand", "in", ("Acme",))
    leaf = parse_where({"stock": np.int64(3)})
    assert isinstance(leaf, Leaf)
    assert type(leaf.value) is int


def test_the_canonical_tree_reads_as_documented() -> None:
    tree = {"and": [{"field": "price", "lt": 50}, {"not": {"field": "brand", "eq": "Acme"}}]}
    assert parse_where(tree) == Branch(
        "and", (Leaf("price", "lt", 50), Branch("not", (Leaf("brand", "eq", "Acme"),)))
    )


@pytest.mark.parametrize(
    "where",
    [
        {"and": []},
        {"and": [{}]},
        {"and": [{"price": 1}], "or": [{"price": 2}]},
        {"field": "price"},
        {"field": "price", "near": 3},
        {"field": "price", "in": 3},
        {"price": (1, 2, 3)},
        {"price": (None, None)},
        {"price": float("nan")},
        {"price": None},
        {"brand": [["Acme"]]},
        ["price"],
        "price",
        {"not": []},
        {"price": {"field": "stock", "lt": 5}},
        {"price": np.float32("nan")},
        {"price": np.datetime64("2020-01-01")},
        {"price": np.zeros(2)},
    ],
)
def test_nonsense_is_refused(where: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_where(where)


def test_a_filter_that_is_too_deep_or_too_large_is_refused() -> None:
    deep: dict[str, Any] = {"price": 1}
    for _ in range(20):
        deep = {"not": deep}
    with pytest.raises(LimitExceeded):
        parse_where(deep)
    with pytest.raises(LimitExceeded):
        parse_where({"brand": [str(i) for i in range(2000)]})


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["and", "or", "not", "field", "lt", "in", "x"]), inner)
    ),
    max_leaves=8,
)


@given(junk)
def test_any_json_is_parsed_or_refused_with_a_typed_error(where: Any) -> None:
    try:
        condition = parse_where(where)
    except InvalidInput:
        return
    assert condition is None or isinstance(condition, Leaf | Branch)
