"""How sure a difference is: the paired bootstrap over requests.

Source: Sakai, "Evaluating evaluation metrics based on the bootstrap" (2006): both variants answer
the same requests, and the requests are drawn again with replacement.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.values.plan import Interval

__all__ = ["relative_difference"]

Values = NDArray[np.float64]
CHUNK = 1 << 22
"""Draws held in memory at once."""


def relative_difference(
    before: Values,
    after: Values,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Mean of ``after - before`` over requests, relative to the mean of ``before``.

    Parameters
    ----------
    before, after : (requests,) float64
        The metric of each request, in the same order.
    rng : numpy.random.Generator
    confidence : float in (0.5, 1)
        One-sided: each bound is exceeded with probability ``1 - confidence``.
    resamples : int >= 100

    Returns
    -------
    Interval
        All zero where nothing differs.

    Raises
    ------
    ShapeError
        The two have different lengths, or are empty.
    ValueRangeError
        The mean of ``before`` is not above zero: there is nothing to lose.
    """
    if before.shape != after.shape or before.ndim != 1 or not len(before):
        raise ShapeError(
            f"a paired difference wants two equal vectors, got {before.shape} and {after.shape}"
        )
    if not before.mean() > 0:
        raise ValueRangeError(
            f"the original's mean is {before.mean():.4g} over {len(before)} requests: a relative "
            "difference needs it above 0. Check the labels, or evaluate more requests"
        )
    difference = after - before
    point = float(difference.mean() / before.mean())
    if not difference.any():
        return Interval(0.0, 0.0, 0.0)
    ratios = _resampled_ratios(difference, before, rng, resamples)
    low, high = np.quantile(ratios, [1 - confidence, confidence])
    return Interval(float(low), point, float(high))


def _resampled_ratios(
    difference: Values, before: Values, rng: np.random.Generator, resamples: int
) -> Values:
    """The relative difference of each resample.

    Requests that had nothing and changed nothing add nothing to any sum: how many of the others
    are drawn is binomial, and only those are looked up.
    """
    telling = np.flatnonzero((before != 0) | (difference != 0))
    step = max(1, CHUNK // len(telling))
    ratios = []
    for start in range(0, resamples, step):
        share = len(telling) / len(before)
        ends = np.cumsum(rng.binomial(len(before), share, min(step, resamples - start)))
        drawn = telling[rng.integers(0, len(telling), ends[-1])]
        base, change = _sums(before[drawn], ends), _sums(difference[drawn], ends)
        ratios.append(change / np.where(base > 0, base, np.inf))
    return np.concatenate(ratios)


def _sums(values: Values, ends: NDArray[np.int64]) -> Values:
    """Sums of the runs of ``values`` that end before each of ``ends``."""
    return np.diff(np.concatenate([[0.0], np.cumsum(values)])[ends], prepend=0.0)
