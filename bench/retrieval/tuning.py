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

REVISION = 1
"""Raised when the search for settings changes, so that kept ones are found again."""
QUICK = 200
"""Queries that choose among widths; the figures are measured again, in turns."""


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
        self._known: dict[tuple[int, int, int], float] = {}

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
        """Bisect between powers of two, to one part in sixteen: recall grows with effort."""
        most = self.searcher.knobs.most
        high = 1
        while self._recall(high, width, k) < wanted:
            if high == most:
                return None
            high = min(2 * high, most)
        low = high // 2
        while high - low > max(1, high // 16):
            middle = (low + high) // 2
            enough = self._recall(middle, width, k) >= wanted
            low, high = (low, middle) if enough else (middle, high)
        return Setting(high, width, k, self._recall(high, width, k))

    def _recall(self, effort: int, width: int, k: int) -> float:
        key = effort, width, k
        if key not in self._known:
            found = self.searcher.at(effort, width, k).many(self.queries)
            self._known[key] = recall(found, self.data.truth, k)
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
