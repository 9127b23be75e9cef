"""Histories and queries to tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import ShapeError
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.features.spec import FeatureSpec, TextSpec
from edgerec.features.text import ngram_ids
from tests.strategies import text as strategies

SPEC = FeatureSpec(categories=("a",), text=TextSpec(buckets=99), history_length=5, dim=3)


@given(st.integers(0, 12))
def test_the_latest_items_are_kept(count: int) -> None:
    vectors = np.arange(1, 3 * count + 1, dtype=np.float32).reshape(count, 3)
    (history,) = user_inputs(SPEC, vectors).values()
    assert history.dtype == np.float32
    assert history.shape == (1, max(1, min(count, 5)), 3)
    assert np.array_equal(history[0], vectors[-5:] if count else np.zeros((1, 3)))


@pytest.mark.parametrize("shape", [(2, 4), (3,), (1, 2, 3)])
def test_vectors_of_another_length(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(n, 3\)"):
        user_inputs(SPEC, np.zeros(shape, np.float32))


@given(strategies.texts())
def test_a_query_is_a_text(text: str) -> None:
    assert np.array_equal(query_inputs(SPEC, text)["text"], ngram_ids([text], SPEC.text))
