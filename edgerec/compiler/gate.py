"""The gate: a variant's accuracy must not be inferior to the original's.

Why one request is added, and what passes wrongly how often: docs/decisions/0007-gate.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ValueRangeError
from edgerec.evaluation.intervals import relative_difference
from edgerec.evaluation.task import Evaluation, Run
from edgerec.values.budget import Budget
from edgerec.values.plan import Interval

__all__ = ["Gate", "Verdict", "judge"]

HALVES = 2
"""One half of an evaluation's requests is searched on, the other confirms."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Mean quality over some requests, whether it ``passed``, and the numbers behind that."""

    quality: float
    passed: bool
    difference: Interval
    reason: str


class Gate:
    """Judges variants over one half of an evaluation; what it judges first is the original."""

    def __init__(self, task: Evaluation, budget: Budget, rng: np.random.Generator) -> None:
        self._task, self._budget, self._rng = task, budget, rng
        self._before: NDArray[np.float64] | None = None

    def judge(self, run: Run, *, same: bool = False) -> Verdict:
        """Evaluate a variant and compare it with the original.

        ``same`` says that it is the original's graph in the original's arithmetic, on another
        engine: that was checked at import, and needs no proof by many requests.

        Raises
        ------
        ValueRangeError
            The original's mean is 0.
        EdgerecError
            What the evaluation raises.
        """
        values = self._task(run)
        if self._before is not None:
            return judge(self._before, values, self._budget, rng=self._rng, same=same)
        quality = float(values.mean())
        if not quality > 0:
            raise ValueRangeError(
                f"the original's {self._task.metric} is {quality} over {len(values)} requests: "
                "there is nothing to lose. Check the labels, or evaluate more requests"
            )
        self._before = values
        return Verdict(quality, True, Interval(0.0, 0.0, 0.0), "the original itself")


def judge(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    budget: Budget,
    *,
    rng: np.random.Generator,
    same: bool = False,
) -> Verdict:
    """Non-inferiority of ``after`` to ``before``, request by request.

    Passes where the lower bound of the paired relative difference lies at or above
    ``-budget.margin``. The bound is bootstrapped from the requests and one more, which loses all
    it had. Resampling alone cannot know a loss that the sample happens to miss; with that request
    ``n`` requests without any loss prove a loss below about 3 / n at a confidence of 0.95, as
    they should (the rule of three). What it had is what a request has where the quality sits: the
    mean of ``before`` weighted by itself, so that requests on which nothing can be lost prove
    nothing.

    Too few requests to tell is a failure that says how many it takes.

    Parameters
    ----------
    before, after : (requests,) float64 >= 0
        The metric of each request for the original and for the variant.
    budget : Budget
        Its margin and confidence.
    rng : numpy.random.Generator
    same : bool
        Leave the added request out; see :meth:`Gate.judge`.

    Returns
    -------
    Verdict
        ``difference.low`` is the bound; ``point`` and ``high`` are of the requests alone.

    Raises
    ------
    ShapeError, ValueRangeError
        See :func:`edgerec.evaluation.intervals.relative_difference`.
    """
    seen = relative_difference(before, after, rng=rng, confidence=budget.confidence)
    low = seen.low if same else _cautious(before, after, budget, rng)
    difference = Interval(low, seen.point, seen.high)
    passed, reason = low >= -budget.margin, f"{budget.metric} {difference}"
    if not passed:
        needed = _needed(seen, low, len(before), budget.margin)
        reason += (
            f" is below -{budget.margin:.2%}"
            if needed is None
            else f": {len(before):,} requests are too few to tell; an evaluation of about "
            f"{HALVES * needed:,}, half to search and half to confirm, would do if this stays"
        )
    return Verdict(float(after.mean()), passed, difference, reason)


def _cautious(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    budget: Budget,
    rng: np.random.Generator,
) -> float:
    """The lower bound with one more request, which loses all it had."""
    typical = float(np.sum(before**2) / np.sum(before))
    more = np.append(before, typical), np.append(after, 0.0)
    return relative_difference(*more, rng=rng, confidence=budget.confidence).low


def _needed(seen: Interval, low: float, requests: int, margin: float) -> int | None:
    """Requests with which the bound would clear ``-margin``; None where no number would.

    The distance from the point to the bound has two parts: the spread of the requests, which falls
    with the root of their number, and what the added request costs, which falls with the number.
    """
    room = seen.point + margin
    if room <= 0:
        return None
    spread, added = seen.point - seen.low, max(0.0, seen.low - low)
    factor = (spread + math.sqrt(spread**2 + 4 * added * room)) / (2 * room)
    return math.ceil(requests * factor**2)
