"""A peer: one form of one library's index, built on the spot and asked at several efforts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.retrieval.peers.searcher import Ask, Searcher, Vectors

__all__ = ["Peer", "Search"]

Search = Callable[[Vectors], NDArray[Any]]
"""From a query to the numbers of the vectors that were found; -1 where there was none."""

SAMPLE_ROWS, FEW_ROWS = 4096, 512


@dataclass(frozen=True, slots=True)
class Peer:
    """One form of one library's index.

    Parameters
    ----------
    name, package : str
        What it is called, and what must be importable.
    build : callable
        From vectors (n, dim) float32 and whether to compare by L2 instead of the inner product to
        a searcher.
    growth : float
        Exponent of the time that it takes to build, over the number of vectors.
    efforts : callable
        From k and the most that the searcher can do to the efforts that it is asked at, ascending.
    words : str
        How an effort is called.
    widths : tuple of int
        Times k that are looked at by the vectors themselves, where the searcher can do that.
    wide : str
        How such a width is called.
    """

    name: str
    package: str
    build: Callable[[Vectors, bool], Searcher]
    growth: float
    efforts: Callable[[int, int], list[int]]
    words: str
    widths: tuple[int, ...] = (1,)
    wide: str = ""

    @property
    def installed(self) -> bool:
        """Whether the library can be imported."""
        return find_spec(self.package) is not None

    def searches(self, vectors: Vectors, l2: bool, k: int) -> dict[str, Search]:
        """Build the index and return a search for each effort, by its words."""
        searcher = self.build(vectors, l2)
        can = searcher.knobs
        return {
            (self.words + self.wide * (width > 1)).format(effort=effort, width=width): _turned(
                searcher.at(effort, width, k)
            )
            for effort in self.efforts(k, can.most)
            for width in (self.widths if can.widths != (1,) else (1,))
        }

    def expected_s(self, vectors: Vectors, l2: bool) -> float:
        """Seconds of CPU that building takes, by those of a small sample; 0 where all are as few.

        The CPU's and not the clock's, which runs on while others have the core.
        """
        if len(vectors) <= SAMPLE_ROWS:
            return 0.0
        sample = np.ascontiguousarray(vectors[:: len(vectors) // SAMPLE_ROWS][:SAMPLE_ROWS])
        self._built_s(sample[:FEW_ROWS], l2)  # the library is loaded by then
        always = self._built_s(sample[:FEW_ROWS], l2)  # however few they are
        growing = max(0.0, self._built_s(sample, l2) - always)
        return float(always + growing * (len(vectors) / len(sample)) ** self.growth)

    def _built_s(self, vectors: Vectors, l2: bool) -> float:
        start = time.process_time()
        self.build(vectors, l2)
        return time.process_time() - start


def _turned(ask: Ask) -> Search:
    """Return a search that sets its knobs each time, as others turn them in between."""
    one, turn = ask.one, ask.turn

    def search(query: Vectors) -> NDArray[Any]:
        turn()
        return one(query)

    return search
