"""Random inputs fit their signature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.evaluation.inputs import random_inputs
from edgerec.graph.ids import table_rows
from tests.strategies.graphs import few, mlps, tower


@few
@given(mlps() | st.just(tower(0)), st.integers(0, 2**32 - 1))
def test_they_pass_the_signatures_own_check(model, seed: int) -> None:
    inputs = random_inputs(model.signature, rng=np.random.default_rng(seed))
    model.signature.check(inputs)
    again = random_inputs(model.signature, rng=np.random.default_rng(seed))
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, again[name])


@few
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 50))
def test_sizes_and_ids_as_asked(candidates: int, length: int, high: int) -> None:
    found = random_inputs(
        tower(0).signature,
        rng=np.random.default_rng(0),
        sizes={"candidates": candidates, "length": length},
        high={"title": high},
    )
    assert found["title"].shape == (candidates, length)
    assert found["title"].max() < high


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_a_backend_takes_them(name: str) -> None:
    model = tower(0)
    session = backend(name).open(model.graph, model.signature)
    rng = np.random.default_rng(0)
    session.run(random_inputs(model.signature, rng=rng, high=table_rows(model.graph)))
    session.close()
