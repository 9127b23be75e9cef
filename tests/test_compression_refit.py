"""Least squares in closed form, against least squares solved outright."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.compression.refit import (
    DAMPING,
    DAMPING_OF_FEW,
    RIDGES,
    Gram,
    Layer,
    Residuals,
    eliminate,
)
from tests.oracles.compression import error_without, fit_towards
from tests.strategies.graphs import few

sizes = st.tuples(st.integers(2, 9), st.integers(1, 4), st.integers(20, 60), st.integers(0, 2**16))


def problem(inputs: int, outputs: int, rows: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(inputs, inputs))
    x = (np.maximum(rng.normal(size=(rows, inputs)), 0) @ mix).astype(np.float32)
    return x, rng.normal(size=(inputs, outputs))


def summed(x: Any, *, bias: bool = False) -> Gram:
    gram = Gram(bias)
    for part in np.array_split(x, 3):
        gram.add(part)
    return gram


def with_damping(x: Any) -> Any:
    """The rows, and those that stand for the ridge of the elimination."""
    rows, inputs = x.shape
    share = max(DAMPING, DAMPING_OF_FEW * inputs / rows)
    mean = np.square(x, dtype=np.float64).sum() / inputs
    return np.vstack([x, np.sqrt(share * mean) * np.eye(inputs)])


@few
@given(sizes, st.booleans())
def test_a_gram_matrix_is_the_sum_over_all_rows(shape: tuple[int, ...], bias: bool) -> None:
    x, _ = problem(*shape)
    whole = np.hstack([x, np.ones((len(x), 1))]) if bias else x.astype(np.float64)
    gram = summed(x, bias=bias)
    np.testing.assert_allclose(gram.matrix, whole.T @ whole, rtol=1e-9, atol=1e-9)
    assert gram.rows == len(x)


@few
@given(sizes)
def test_the_first_channel_to_go_is_the_one_that_costs_least(shape: tuple[int, ...]) -> None:
    x, weights = problem(*shape)
    damped = with_damping(x)
    size = x.shape[1]
    costs = [error_without(damped, damped @ weights, np.array([j])) for j in range(size)]
    ((kept, (fitted,)),) = eliminate([Layer(summed(x), weights, 0)], size, [size - 1])
    gone = np.setdiff1d(np.arange(size), kept)
    assert costs[int(gone[0])] <= min(costs) * (1 + 1e-6) + 1e-9
    found = float(np.square(damped @ weights - damped @ fitted).sum())
    assert found == pytest.approx(costs[int(gone[0])], rel=1e-6, abs=1e-8)


@few
@given(sizes, st.data())
def test_weights_after_many_removals_are_the_best_for_what_is_left(
    shape: tuple[int, ...], data: st.DataObject
) -> None:
    x, weights = problem(*shape)
    left = data.draw(st.integers(1, x.shape[1]))
    ((kept, (fitted,)),) = eliminate([Layer(summed(x), weights, 0)], x.shape[1], [left])
    assert len(kept) == left
    damped = with_damping(x)
    gone = np.setdiff1d(np.arange(x.shape[1]), kept)
    best = error_without(damped, damped @ weights, gone)
    found = float(np.square(damped @ (weights - fitted)).sum())
    assert found == pytest.approx(best, rel=1e-5, abs=1e-7)
    assert not fitted[gone].any()


def test_dead_channels_go_first_and_stops_descend() -> None:
    x, weights = problem(8, 3, 5000, 0)
    x[:, [2, 5]] = 0.0
    steps = list(eliminate([Layer(summed(x), weights, 0)], 8, [6, 4, 1]))
    assert list(steps[0][0]) == [0, 1, 3, 4, 6, 7]
    for (wide, _), (thin, _) in pairwise(steps):
        assert set(thin) < set(wide)


def test_channels_behind_an_offset_go_and_the_others_help() -> None:
    x, weights = problem(9, 2, 6000, 1)
    x[:, 7] = x[:, 0]  # channel 4 of the width says what a fixed input says already
    ((kept, (fitted,)),) = eliminate([Layer(summed(x), weights, 3)], 6, [5])
    assert list(kept) == [0, 1, 2, 3, 5]
    np.testing.assert_allclose(fitted[0], weights[0] + weights[7], atol=0.2)


def test_wide_layers_lose_several_channels_at_a_time() -> None:
    x, weights = problem(300, 2, 400, 2)
    ((kept, _),) = eliminate([Layer(summed(x), weights, 0)], 300, [151])
    assert len(kept) == 151


@few
@given(sizes, st.booleans())
def test_a_refit_is_never_worse_and_is_the_ridge_solution(
    shape: tuple[int, ...], bias: bool
) -> None:
    inputs, outputs, rows, seed = shape
    x, weights = problem(inputs, outputs, rows, seed)
    rng = np.random.default_rng(seed)
    wanted = (x @ weights + rng.normal(size=(rows, outputs))).astype(np.float32)
    plain = rng.normal(size=(inputs + bias, outputs))
    residuals = Residuals(plain, bias=bias)
    for part, want in zip(np.array_split(x, 5), np.array_split(wanted, 5), strict=True):
        residuals.add(part, want)
    refit = residuals.solve()
    assert refit.error <= refit.plain_error * (1 + 1e-9)
    whole = np.hstack([x, np.ones((rows, 1))]) if bias else x.astype(np.float64)
    found = float(np.square(wanted - whole @ refit.weights).sum())
    assert found == pytest.approx(refit.error, rel=1e-6, abs=1e-6)
    unit = float(np.square(whole).sum()) / whole.shape[1]
    candidates = [fit_towards(whole, wanted, plain, ridge * unit) for ridge in RIDGES]
    assert any(
        np.allclose(refit.weights, candidate, rtol=1e-4, atol=1e-5)
        for candidate in [plain, *candidates]
    )


def test_noise_is_not_learned() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(40, 1))

    def noisy(rows: int) -> tuple[Any, Any]:
        x = rng.normal(size=(rows, 40)).astype(np.float32)
        return x, (x @ plain + rng.normal(size=(rows, 1))).astype(np.float32)

    seen = [noisy(2) for _ in range(30)]
    residuals = Residuals(plain, bias=False)
    for x, y in seen:
        residuals.add(x, y)
    x, y = noisy(1000)
    greedy = np.linalg.lstsq(*(np.vstack(side) for side in zip(*seen, strict=True)), rcond=None)[0]
    assert np.square(y - x @ residuals.solve().weights).mean() < 1.2
    assert np.square(y - x @ greedy).mean() > 2.0


def test_inputs_that_are_always_zero_do_no_harm() -> None:
    residuals = Residuals(np.ones((3, 2)), bias=False)
    residuals.add(np.zeros((4, 3), np.float32), np.ones((4, 2), np.float32))
    residuals.add(np.zeros((4, 3), np.float32), np.ones((4, 2), np.float32))
    assert np.isfinite(residuals.solve().weights).all()
    gram = summed(np.zeros((6, 3), np.float32))
    ((kept, _),) = eliminate([Layer(gram, np.ones((3, 2)), 0)], 3, [1])
    assert len(kept) == 1
