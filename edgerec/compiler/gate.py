"""The gate: a variant's accuracy must not be inferior to the original's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.evaluation.intervals import relative_difference, requests_needed
from edgerec.values.budget import Budget
from edgerec.values.plan import Interval

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``passed`` and the numbers behind it, in words."""

    passed: bool
    difference: Interval
    reason: str


def judge(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    budget: Budget,
    *,
    rng: np.random.Generator,
) -> Verdict:
    """Non-inferiority of ``after`` to ``before``, request by request.

    Passes where the lower bound of the paired relative difference lies at or above
    ``-budget.margin``. Too few requests to tell is a failure that says how many it takes.

    Parameters
    ----------
    before, after : (requests,) float64
        The metric of each request for the original and for the variant.
    """
    difference = relative_difference(before, after, rng=rng, confidence=budget.confidence)
    found = f"{difference.point:+.2%} [{difference.low:+.2%}, {difference.high:+.2%}]"
    if difference.low >= -budget.margin:
        return Verdict(True, difference, f"{budget.metric} {found}")
    needed = requests_needed(difference, len(before), budget.margin)
    if needed is None:
        reason = f"{budget.metric} {found} is below -{budget.margin:.2%}"
    else:
        reason = (
            f"{budget.metric} {found}: too few requests to tell ({len(before)}; "
            f"about {needed} would do if the difference stays)"
        )
    return Verdict(False, difference, reason)
