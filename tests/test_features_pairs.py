"""Features of a shopper and an item: against the definition, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import ShapeError
from edgerec.features.pairs import PAIR_FEATURES, HistoryProfile, pair_features, ranker_inputs
from edgerec.features.spec import FeatureSpec
from tests.oracles import features as oracle

SPEC = FeatureSpec(categories=("a",), history_length=6, dim=4)
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@st.composite
def rows(draw: st.DrawFn, least: int = 0) -> Rows:
    """Vectors, categories, brands and prices of some items."""
    count = draw(st.integers(least, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prices = rng.choice([0.0, 0.99, 20.0, 1e6], count)
    return (
        rng.normal(size=(count, 4)).astype(np.float32),
        rng.integers(0, 3, count),
        rng.integers(0, 3, count),
        prices,
    )


def features(items: Rows, past: Rows, *, query: bool = True) -> np.ndarray:
    vectors, categories, brands, prices = items
    return pair_features(
        SPEC,
        user=np.array([1, 0, -1, 2], np.float32),
        query=np.array([0, 3, 0, 1], np.float32) if query else None,
        vectors=vectors,
        categories=categories,
        brands=brands,
        prices=prices,
        history=HistoryProfile(*past),
    )


@given(rows(), rows(), st.booleans())
def test_pairs_follow_the_definition(items: Rows, past: Rows, query: bool) -> None:
    found = features(items, past, query=query)
    history = list(zip(*(column[-6:] for column in past), strict=True))
    asked = [0, 3, 0, 1] if query else None
    expected = [
        oracle.pair_row([1, 0, -1, 2], asked, item, history) for item in zip(*items, strict=True)
    ]
    assert found.dtype == np.float32
    assert found.shape == (len(items[0]), len(PAIR_FEATURES))
    assert np.allclose(found, np.array(expected).reshape(found.shape), rtol=1e-5, atol=1e-5)


@given(rows(least=1), rows())
def test_a_row_depends_on_its_own_item_only(items: Rows, past: Rows) -> None:
    first = tuple(column[:1] for column in items)
    assert np.allclose(features(items, past)[:1], features(first, past), rtol=1e-6, atol=1e-6)


def test_a_visitor_nobody_knows() -> None:
    items = (np.ones((2, 4), np.float32), np.zeros(2, int), np.zeros(2, int), np.ones(2))
    past = HistoryProfile.empty(4)
    found = features(items, (past.vectors, past.categories, past.brands, past.prices), query=False)
    assert found.tolist() == [[2.0, *[0.0] * 7]] * 2


def test_a_profile_checks_its_lengths() -> None:
    with pytest.raises(ShapeError, match="2 vectors has 1 brands"):
        HistoryProfile(np.zeros((2, 4), np.float32), np.zeros(2, int), np.zeros(1, int), np.ones(2))


@given(rows(least=1), st.booleans())
def test_inputs_of_a_ranker(items: Rows, query: bool) -> None:
    vectors, categories, brands, prices = items
    asked = np.ones(4, np.float32) if query else None
    inputs = ranker_inputs(
        SPEC,
        user=np.ones(4, np.float32),
        query=asked,
        vectors=vectors,
        item_dense=np.ones((len(vectors), 2), np.float32),
        categories=categories,
        brands=brands,
        prices=prices,
        history=HistoryProfile.empty(4),
    )
    assert {name: array.shape for name, array in inputs.items()} == {
        "user": (1, 4),
        "query": (1, 4),
        "item": vectors.shape,
        "item_dense": (len(vectors), 2),
        "pair": (len(vectors), len(PAIR_FEATURES)),
    }
    assert all(array.dtype == np.float32 for array in inputs.values())
    assert inputs["query"].any() == query
