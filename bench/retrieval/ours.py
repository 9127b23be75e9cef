"""edgerec's own indexes as contenders, each built anew: what they cost to build is a figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.peer import Ask, Knobs, Rows, Vectors
from edgerec.catalog.vectors import Segment
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import Index

__all__ = ["Built", "Mine", "built"]


@dataclass(frozen=True, slots=True, eq=False)
class Mine:
    """A searcher, and the index that it asks.

    Parameters
    ----------
    knobs : Knobs
    index_at : callable
        From effort and width to an index.
    """

    knobs: Knobs
    index_at: Callable[[int, int], Index]

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Ask the index at these knobs."""
        search = self.index_at(effort, width).search

        def one(query: Vectors) -> Rows:
            return search(query, k).rows

        def many(queries: Vectors) -> Rows:
            return np.stack([search(query, k).rows for query in queries])

        return Ask(one, many)


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """One index of ours.

    Parameters
    ----------
    name : str
    searcher : Mine
    build_cpu_s : float
        The codes of the catalogue are counted in.
    hot_bytes_an_item : float
        What a search reads, but for the originals of the last few rows.
    """

    name: str
    searcher: Mine
    build_cpu_s: float
    hot_bytes_an_item: float


def built(items: NDArray[np.float32] | NDArray[np.float16]) -> Iterator[Built]:
    """Build every index of ours over ``items``."""
    start = time.process_time()
    segment = Segment.of(items)
    coded = time.process_time() - start
    exact = Mine(Knobs(1), lambda _effort, _width: ExactIndex((segment,)))
    yield Built("edgerec exact", exact, coded, segment.codes.shape[1] + 4)
