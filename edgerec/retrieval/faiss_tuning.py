"""How far a search in FAISS must go: efforts are raised by halves until the recall is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible
from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.index import MAX_FOUND, Queries, shortlist_size

__all__ = ["FaissTuning"]

SHORTLISTS = (1, 4, 16)  # times the shortest


class FaissTuning:
    """Searches for some queries with more and more effort, and remembers what was found.

    Parameters
    ----------
    index : FaissIndex
        Over the snapshot; its effort and shortlist are not looked at.
    eligible : Eligible
        The live rows.
    queries : (n, dim) float32
    truth : (n, k) int32
        The best rows of each.
    """

    def __init__(
        self, index: FaissIndex, eligible: Eligible, queries: Queries, truth: NDArray[np.int32]
    ) -> None:
        self._index, self._eligible = index, eligible
        self._queries, self._truth = queries, truth
        self._recall = cache(self._measured)

    def candidates(self, recall: float) -> Iterator[FaissIndex]:
        """Yield the least effort that reaches ``recall`` and the next one, for each shortlist."""
        least = shortlist_size(self._truth.shape[1])
        longer = SHORTLISTS if self._index.faiss.factory.lossy else SHORTLISTS[:1]
        for shortlist in dict.fromkeys(min(times * least, MAX_FOUND) for times in longer):
            efforts = self._efforts(shortlist)
            for place, effort in enumerate(efforts):
                if self._recall(effort, shortlist) >= recall:
                    yield from (self._further(e, shortlist) for e in efforts[place : place + 2])
                    break

    def _efforts(self, shortlist: int) -> list[int]:
        """Return the efforts that make a difference, each by half more than the one before."""
        faiss = self._index.faiss
        most = faiss.most_effort()
        efforts = [min(shortlist, most) if faiss.factory.links else 1]
        while efforts[0] < most and faiss.looked_at(efforts[0]) < 2 * shortlist:
            efforts[0] *= 2  # fewer lists do not hold so many rows
        while efforts[-1] < most and faiss.looked_at(efforts[-1]) < faiss.rows:
            efforts.append(min(efforts[-1] + (efforts[-1] + 1) // 2, most))
        return efforts

    def _further(self, effort: int, shortlist: int) -> FaissIndex:
        return replace(self._index, effort=effort, shortlist=shortlist)

    def _measured(self, effort: int, shortlist: int) -> float:
        k = self._truth.shape[1]
        hits = self._further(effort, shortlist).search_many(
            self._queries, k, eligible=self._eligible
        )
        shares = [
            np.isin(true, found.rows).mean() for true, found in zip(self._truth, hits, strict=True)
        ]
        return float(np.mean(shares))
