"""A trial: sample queries with their true answers, on which indexes are measured side by side.

The truth is what the exact scan finds: the best rows by the original vectors among those that the
codes put first. Some of the queries are there to tune an index, the others to measure it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible, pack
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import ShapeError
from edgerec.evaluation.timing import time_interleaved
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import Hits, Index, Queries, Query, check_queries
from edgerec.retrieval.sketch import decoded
from edgerec.retrieval.strategy import Filter, Measured

__all__ = ["Trial", "sample_queries"]

TUNING, MEASURING, TIMED = 128, 384, 64
ROUNDS = 3


class Trial:
    """Measures indexes of one snapshot.

    Parameters
    ----------
    snapshot : Snapshot
    k : int
        How many rows are asked for.
    queries : (n, dim) float32, at least one
        Up to 512 of them are used.
    rng : Generator
        Of the order of timing, and of filters.
    """

    def __init__(
        self, snapshot: Snapshot, k: int, queries: Queries, rng: np.random.Generator
    ) -> None:
        self.snapshot, self.k, self._rng = snapshot, k, rng
        some = min(TUNING, len(queries) // 2)
        self.tuning: Queries = queries[:some] if some else queries
        self._measuring = queries[some : some + MEASURING]
        self.exact = ExactIndex(snapshot.segments, snapshot.metric)

    @cached_property
    def truth(self) -> NDArray[np.int32]:
        """The best rows of the tuning queries, (n, min(k, live)) int32."""
        hits = self.exact.search_many(self.tuning, self.k, eligible=self.snapshot.eligible())
        return np.stack([found.rows for found in hits])

    def measure(
        self,
        indexes: Sequence[tuple[Index, str]],
        filtered: Filter = "none",
        selectivity: float = 1.0,
    ) -> list[Measured]:
        """Measure indexes, each with its settings in words, in turns under one filter."""
        eligible = self._eligible(filtered, selectivity)
        calls: dict[str, Callable[[Query], object]] = {
            str(place): _search(index, self.k, eligible) for place, (index, _) in enumerate(indexes)
        }
        times = time_interleaved(calls, list(self._measuring[:TIMED]), rng=self._rng, rounds=ROUNDS)
        true = self.exact.search_many(self._measuring, self.k, eligible=eligible)
        return [
            Measured(
                kind=index.kind,
                settings=words,
                filter=filtered,
                selectivity=selectivity,
                **self._recall(index, true, eligible),
                median_us=round(timing.percentile(50), 1),
                p90_us=round(timing.percentile(90), 1),
                bytes_an_item=round(index.hot_bytes / self.snapshot.rows, 1),
            )
            for (index, words), timing in zip(indexes, times.values(), strict=True)
        ]

    def _recall(self, index: Index, true: list[Hits], eligible: Eligible) -> dict[str, float]:
        """Mean share of the true best k that ``index`` returns, and its standard error.

        A row that scores as well as the last of the true ones is as good as that. Where nothing is
        eligible nothing is missed.
        """
        found = index.search_many(self._measuring, self.k, eligible=eligible)
        shares = [
            float((hits.scores >= best.scores[-1]).mean())
            for hits, best in zip(found, true, strict=True)
            if len(best)
        ] or [1.0]
        error = float(np.std(shares)) / len(shares) ** 0.5
        return {"recall": round(float(np.mean(shares)), 4), "recall_error": round(error, 4)}

    def _eligible(self, filtered: Filter, selectivity: float) -> Eligible:
        live = self.snapshot.eligible()
        if filtered == "none":
            return live
        rows = self.snapshot.rows
        wanted = max(1, round(selectivity * rows))
        mask = np.zeros(rows, np.bool_)
        if filtered == "random":
            mask[self._rng.choice(rows, wanted, replace=False)] = True
        else:
            mask[self._nearest(wanted)] = True
        alive = np.unpackbits(live.bitmap, count=rows, bitorder="little").view(np.bool_)
        mask &= alive
        return Eligible(pack(mask), int(mask.sum()), rows)

    def _nearest(self, count: int) -> NDArray[np.integer]:
        """Return the rows nearest to some row, by their codes."""
        anchor = self.snapshot.vectors_of(
            self._rng.integers(self.snapshot.rows, size=1, dtype=np.int32)
        )[0]
        scores = np.empty(self.snapshot.rows, np.float32)
        for segment in self.snapshot.segments:
            here = scores[segment.first_row : segment.first_row + segment.rows]
            for block, x in decoded(segment):
                here[block] = x @ anchor
            if segment.offsets is not None:
                here += segment.offsets
        return np.argpartition(scores, -count)[-count:]


def sample_queries(
    snapshot: Snapshot, queries: Queries | None, rng: np.random.Generator
) -> Queries:
    """Return the queries of a trial: some of those given, else mixtures of two items' vectors.

    Raises
    ------
    ShapeError, ValueRangeError
        No queries, or such as no search takes.
    """
    if queries is None:
        rows = rng.integers(0, snapshot.rows, (2, TUNING + MEASURING)).astype(np.int32)
        one, other = snapshot.vectors_of(rows[0]), snapshot.vectors_of(rows[1])
        return (0.7 * one + 0.3 * other).astype(np.float32)
    if not len(queries):
        raise ShapeError("queries must hold at least one query, got none")
    chosen = rng.permutation(len(queries))[: TUNING + MEASURING]
    return check_queries(queries[chosen], snapshot.dim)


def _search(index: Index, k: int, eligible: Eligible) -> Callable[[Query], object]:
    return lambda query: index.search(query, k, eligible=eligible)
