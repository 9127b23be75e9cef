"""The paired bootstrap: covers what it should, and says how many requests are missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.compiler.gate import judge
from edgerec.errors import ShapeError, ValueRangeError
from edgerec.evaluation.intervals import relative_difference, requests_needed
from edgerec.values.budget import Budget


def test_no_difference_is_exactly_zero() -> None:
    values = np.random.default_rng(0).random(50)
    interval = relative_difference(values, values.copy(), rng=np.random.default_rng(1))
    assert (interval.low, interval.point, interval.high) == (0.0, 0.0, 0.0)


@given(st.integers(0, 2**32 - 1))
def test_bounds_enclose_the_point_and_a_seed_repeats_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.random(40) + 0.1, rng.random(40)
    first = relative_difference(before, after, rng=np.random.default_rng(seed), resamples=200)
    again = relative_difference(before, after, rng=np.random.default_rng(seed), resamples=200)
    assert first == again
    assert first.low <= first.high
    assert first.point == pytest.approx((after.mean() - before.mean()) / before.mean())


def test_the_lower_bound_is_one_sided_at_the_stated_confidence() -> None:
    """Over many samples the true difference lies under the bound about one time in twenty."""
    rng = np.random.default_rng(7)
    truth = -0.1
    under = 0
    for _ in range(300):
        before = rng.exponential(1.0, 200)
        after = before * (1 + truth) + rng.normal(0, 0.3, 200)
        bound = relative_difference(before, after, rng=rng, resamples=300).low
        under += truth < bound
    assert 3 <= under <= 33  # binomial(300, .05): outside with probability below 1e-5


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        (np.zeros(3), np.zeros(3), ValueRangeError),
        (np.ones(3), np.ones(4), ShapeError),
        (np.ones(0), np.ones(0), ShapeError),
    ],
)
def test_what_cannot_be_compared_is_refused(
    before: np.ndarray, after: np.ndarray, error: type[Exception]
) -> None:
    with pytest.raises(error):
        relative_difference(before, after, rng=np.random.default_rng(0))


def test_the_gate_refuses_a_loss_and_passes_noise_within_the_margin() -> None:
    rng = np.random.default_rng(3)
    before = rng.random(2000)
    budget = Budget(margin=0.02)
    assert judge(before, before + rng.normal(0, 0.01, 2000), budget, rng=rng).passed
    lost = judge(before, before * 0.9, budget, rng=rng)
    assert not lost.passed
    assert "-10.0" in lost.reason


def test_too_few_requests_fail_and_the_number_needed_is_enough() -> None:
    rng = np.random.default_rng(5)
    before = rng.random(30)
    after = before + rng.normal(0, 0.3, 30)
    after += before.mean() - after.mean()
    verdict = judge(before, after, Budget(margin=0.02), rng=rng)
    assert not verdict.passed
    needed = requests_needed(verdict.difference, 30, 0.02)
    assert needed is not None
    assert str(needed) in verdict.reason
    copies = -(-needed // 30)
    wide = judge(np.tile(before, copies), np.tile(after, copies), Budget(margin=0.025), rng=rng)
    assert wide.passed
