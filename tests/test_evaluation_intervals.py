"""The paired bootstrap covers what it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.evaluation.intervals import relative_difference


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


@given(st.integers(0, 2**32 - 1))
def test_requests_that_hold_nothing_widen_the_interval_as_they_should(seed: int) -> None:
    """The interval is that of drawing every request, though only some are looked up."""
    rng = np.random.default_rng(seed)
    before = np.where(rng.random(60) < 0.3, rng.random(60), 0.0)
    before[0] = 0.5
    after = before * rng.uniform(0.7, 1.2, 60)
    drawn = rng.integers(0, 60, (4000, 60))
    sums = before[drawn].sum(axis=1)
    plain = (after - before)[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    found = relative_difference(before, after, rng=rng, resamples=4000)
    assert found.low == pytest.approx(np.quantile(plain, 0.05), abs=0.04)
    assert found.high == pytest.approx(np.quantile(plain, 0.95), abs=0.04)


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
