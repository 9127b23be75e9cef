"""How sure a difference is: the paired bootstrap over requests.

Source: Sakai, "Evaluating evaluation metrics based on the bootstrap" (2006): both variants answer
the same requests, and the requests are drawn again with replacement.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.values.plan import Interval

__all__ = ["relative_difference", "requests_needed"]

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
    n = len(before)
    step = max(1, CHUNK // n)
    ratios = []
    for start in range(0, resamples, step):
        drawn = rng.integers(0, n, (min(step, resamples - start), n))
        base = before[drawn].sum(axis=1)
        ratios.append(difference[drawn].sum(axis=1) / np.where(base > 0, base, np.inf))
    return np.concatenate(ratios)


def requests_needed(interval: Interval, requests: int, margin: float) -> int | None:
    """How many requests would let an interval of this spread clear ``-margin``.

    None where the point itself lies at or below ``-margin``: no number would.
    """
    room = interval.point + margin
    if room <= 0:
        return None
    return math.ceil(requests * ((interval.point - interval.low) / room) ** 2)
