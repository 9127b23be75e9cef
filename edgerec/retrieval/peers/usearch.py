"""usearch: a graph of vectors in float16 or int8."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerec.retrieval.peers.searcher import Ask, Knobs, Rows, Vectors

__all__ = ["UsearchSearcher", "build_usearch"]

MOST_EFFORT = 2048


def build_usearch(
    vectors: Vectors, *, dtype: str, links: int, construction: int, l2: bool = False
) -> Any:
    """Build a graph of vectors of ``dtype``; its keys are rows."""
    from usearch.index import Index

    index = Index(
        ndim=vectors.shape[1],
        metric="l2sq" if l2 else "ip",
        dtype=dtype,
        connectivity=links,
        expansion_add=construction,
        enable_key_lookups=False,
    )
    index.add(np.arange(len(vectors)), vectors, threads=1)
    return index


class UsearchSearcher:
    """The graph and the length of its beam."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.knobs = Knobs(MOST_EFFORT)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam, at least k."""
        del width
        search, beam = self.index.search, max(effort, k)

        def turn() -> None:
            self.index.expansion_search = beam

        def ask(x: Vectors) -> Rows:
            rows: Rows = search(x, k, threads=1).keys
            return rows

        turn()
        return Ask(ask, ask, turn)
