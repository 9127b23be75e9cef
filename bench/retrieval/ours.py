"""edgerec's own indexes as contenders, each built anew: what they cost to build is a figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.retrieval.peer import Ask, Knobs, Rows, Searcher, Vectors
from edgerec.catalog.vectors import Segment
from edgerec.retrieval.exact import ExactIndex

__all__ = ["Built", "built"]


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """One index of ours.

    Parameters
    ----------
    name : str
    searcher : Searcher
    build_cpu_s : float
        Beyond the codes that the catalogue keeps anyway.
    hot_bytes_an_item : float
        What a search reads, but for the originals of the last few rows.
    """

    name: str
    searcher: Searcher
    build_cpu_s: float
    hot_bytes_an_item: float


class Exact:
    """All rows by their codes: no knobs."""

    def __init__(self, segment: Segment) -> None:
        self.index, self.knobs = ExactIndex((segment,)), Knobs(1)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Answer one by one; there is nothing to turn."""
        del effort, width
        search = self.index.search

        def one(query: Vectors) -> Rows:
            return search(query, k).rows

        def many(queries: Vectors) -> Rows:
            return np.stack([search(query, k).rows for query in queries])

        return Ask(one, many)


def built(items: Vectors) -> Iterator[Built]:
    """Build every index of ours over ``items``."""
    segment = Segment.of(items)
    n, dim = items.shape
    yield _timed("edgerec exact", lambda: Exact(segment), dim + 4)
    del n


def _timed(name: str, build: Callable[[], Searcher], hot_bytes_an_item: float) -> Built:
    start = time.process_time()
    searcher = build()
    return Built(name, searcher, time.process_time() - start, hot_bytes_an_item)
