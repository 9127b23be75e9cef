"""The cheapest setting at which a searcher reaches a recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.retrieval.peer import Ask, Rows, Searcher
from bench.retrieval.sets import DataSet
from bench.retrieval.timing import timed

__all__ = ["Setting", "recall", "tuned"]

REVISION = 1
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


def recall(found: Sequence[Rows] | Rows, truth: Rows, k: int) -> float:
    """Share of the true k best that were found, over all queries."""
    hits = [len(np.intersect1d(f[:k], t[:k])) for f, t in zip(found, truth, strict=True)]
    return float(np.mean(hits) / k)


def tuned(searcher: Searcher, data: DataSet, k: int, wanted: float) -> Setting | None:
    """Return the cheapest setting with recall@k of at least ``wanted``; None where none has it."""
    reached = [_least_effort(searcher, data, width, k, wanted) for width in searcher.knobs.widths]
    settings = [setting for setting in reached if setting is not None]
    if len(settings) < 2:
        return settings[0] if settings else None
    costs = [_cost(setting.turned(searcher), data) for setting in settings]
    return settings[int(np.argmin(costs))]


def _least_effort(
    searcher: Searcher, data: DataSet, width: int, k: int, wanted: float
) -> Setting | None:
    """Bisect between powers of two, to one part in sixteen: recall grows with effort."""
    at = _measured(searcher, data, width, k)
    high = 1
    while at(high) < wanted:
        if high == searcher.knobs.most:
            return None
        high = min(2 * high, searcher.knobs.most)
    low = high // 2
    while high - low > max(1, high // 16):
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle) >= wanted else (middle, high)
    return Setting(high, width, k, at(high))


def _measured(searcher: Searcher, data: DataSet, width: int, k: int) -> Callable[[int], float]:
    known: dict[int, float] = {}

    def at(effort: int) -> float:
        if effort not in known:
            found = searcher.at(effort, width, k).many(data.queries)
            known[effort] = recall(found, data.truth, k)
        return known[effort]

    return at


def _cost(ask: Ask, data: DataSet) -> float:
    """Mean of the best of three, in CPU time."""
    queries = np.array(data.queries[:QUICK])
    rounds = [timed([partial(ask.one, q) for q in queries], "cpu") for _ in range(3)]
    return float(np.min(rounds, axis=0).mean())
