"""The cheapest setting at which a searcher reaches a recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.retrieval.peer import Ask, Rows, Searcher
from bench.retrieval.sets import DataSet
from bench.retrieval.timing import timed

__all__ = ["REVISION", "Setting", "Tuning", "recall"]

REVISION = 2
"""Raised when the search for settings changes, so that kept ones are found again."""
SOME, QUICK, STEPS = 200, 100, 16
"""Queries that are asked first, and those that choose among widths; all decide in the end."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Knobs at which recall@k was reached."""

    effort: int
    width: int
    k: int
    recall: float

    def turned(self, searcher: Searcher) -> Ask:
        """Turn the knobs of the searcher."""
        return searcher.at(self.effort, self.width, self.k)


class Tuning:
    """Finds settings of one searcher; a recall that was measured is remembered.

    Parameters
    ----------
    searcher : Searcher
    data : DataSet
    """

    def __init__(self, searcher: Searcher, data: DataSet) -> None:
        self.searcher, self.data = searcher, data
        self.queries = np.array(data.queries)
        self._known: dict[tuple[int, int, int, int], float] = {}

    def cheapest(self, k: int, wanted: float) -> Setting | None:
        """Return the quickest of the widths' least efforts; None where none reaches the recall."""
        widths = self.searcher.knobs.widths
        reached = [self._least_effort(width, k, wanted) for width in widths]
        settings = [setting for setting in reached if setting is not None]
        if len(settings) < 2:
            return settings[0] if settings else None
        costs = [self._cost(setting) for setting in settings]
        return settings[int(np.argmin(costs))]

    def _least_effort(self, width: int, k: int, wanted: float) -> Setting | None:
        """Bisect to one part in sixteen on some queries, then go up until all have the recall."""
        most = self.searcher.knobs.most
        effort = self._bisected(width, k, wanted)
        while (reached := self._recall(effort, width, k, len(self.queries))) < wanted:
            if effort == most:
                return None
            effort = min(effort + max(1, effort // STEPS), most)
        return Setting(effort, width, k, reached)

    def _bisected(self, width: int, k: int, wanted: float) -> int:
        """Between powers of two, since recall grows with effort; the most where none reaches it."""
        high, most = 1, self.searcher.knobs.most
        while self._recall(high, width, k, SOME) < wanted:
            if high == most:
                return most
            high = min(2 * high, most)
        low = high // 2
        while high - low > max(1, high // STEPS):
            middle = (low + high) // 2
            enough = self._recall(middle, width, k, SOME) >= wanted
            low, high = (low, middle) if enough else (middle, high)
        return high

    def _recall(self, effort: int, width: int, k: int, queries: int) -> float:
        key = effort, width, k, min(queries, len(self.queries))
        if key not in self._known:
            found = self.searcher.at(effort, width, k).many(self.queries[:queries])
            self._known[key] = recall(found, self.data.truth[:queries], k)
        return self._known[key]

    def _cost(self, setting: Setting) -> float:
        """Mean over some queries of the best of three, in CPU time."""
        one = setting.turned(self.searcher).one
        calls = [partial(one, query) for query in self.queries[:QUICK]]
        return float(np.min([timed(calls, "cpu") for _ in range(3)], axis=0).mean())


def recall(found: Sequence[Rows] | Rows, truth: Rows, k: int) -> float:
    """Share of the true k best that were found, over all queries."""
    hits = [len(np.intersect1d(f[:k], t[:k])) for f, t in zip(found, truth, strict=True)]
    return float(np.mean(hits) / k)
