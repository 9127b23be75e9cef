"""hnswlib: a graph of float32 vectors."""

from __future__ import annotations

from typing import Any

from edgerec.retrieval.peers.searcher import Ask, Knobs, Rows, Vectors

__all__ = ["HnswlibSearcher", "build_hnswlib"]

MOST_EFFORT = 2048


def build_hnswlib(vectors: Vectors, *, links: int, construction: int, l2: bool = False) -> Any:
    """Build the graph; its labels are rows."""
    import hnswlib

    index = hnswlib.Index("l2" if l2 else "ip", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=construction, M=links, random_seed=1)
    index.set_num_threads(1)
    index.add_items(vectors, num_threads=1)
    return index


class HnswlibSearcher:
    """The graph and the length of its beam."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.knobs = Knobs(MOST_EFFORT)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam, at least k."""
        del width
        query, beam = self.index.knn_query, max(effort, k)

        def turn() -> None:
            self.index.set_ef(beam)

        def one(x: Vectors) -> Rows:
            rows: Rows = query(x, k, num_threads=1)[0][0]
            return rows

        def many(x: Vectors) -> Rows:
            rows: Rows = query(x, k, num_threads=1)[0]
            return rows

        turn()
        return Ask(one, many, turn)
