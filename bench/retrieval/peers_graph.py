"""The graphs beside FAISS': hnswlib (built with -O3 -march=native) and usearch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.retrieval.peer import Ask, Knobs, Peer, Rows, Searcher, Vectors

__all__ = ["PEERS"]

MOST_EFFORT = 2048


def build_hnswlib(items: Vectors, *, links: int, construction: int) -> Callable[[Path], None]:
    """Build a graph of float32 vectors."""
    import hnswlib

    index = hnswlib.Index("ip", items.shape[1])
    index.init_index(len(items), ef_construction=construction, M=links, random_seed=1)
    index.set_num_threads(1)
    index.add_items(items, num_threads=1)
    return lambda folder: index.save_index(str(folder / "index.hnswlib"))


class HnswlibSearcher:
    """The graph; its labels are rows."""

    def __init__(self, folder: Path, items: Vectors) -> None:
        import hnswlib

        self.index = hnswlib.Index("ip", items.shape[1])
        self.index.load_index(str(folder / "index.hnswlib"))
        self.index.set_num_threads(1)
        self.knobs = Knobs(MOST_EFFORT)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam, at least k."""
        del width
        self.index.set_ef(max(effort, k))
        query = self.index.knn_query

        def one(x: Vectors) -> Rows:
            rows: Rows = query(x, k, num_threads=1)[0][0]
            return rows

        def many(x: Vectors) -> Rows:
            rows: Rows = query(x, k, num_threads=1)[0]
            return rows

        return Ask(one, many)


def build_usearch(
    items: Vectors, *, dtype: str, links: int, construction: int
) -> Callable[[Path], None]:
    """Build a graph of vectors of ``dtype``."""
    from usearch.index import Index

    index = Index(
        ndim=items.shape[1],
        metric="ip",
        dtype=dtype,
        connectivity=links,
        expansion_add=construction,
        enable_key_lookups=False,
    )
    index.add(np.arange(len(items)), items, threads=1)

    def save(folder: Path) -> None:
        index.save(str(folder / "index.usearch"))

    return save


class UsearchSearcher:
    """The graph; its keys are rows."""

    def __init__(self, folder: Path, items: Vectors) -> None:
        from usearch.index import Index

        del items
        self.index: Any = Index.restore(str(folder / "index.usearch"), view=False)
        self.knobs = Knobs(MOST_EFFORT)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam, at least k."""
        del width
        self.index.expansion_search = max(effort, k)
        search = self.index.search

        def one(x: Vectors) -> Rows:
            rows: Rows = search(x, k, threads=1).keys
            return rows

        def many(x: Vectors) -> Rows:
            rows: Rows = search(x, k, threads=1).keys
            return rows

        return Ask(one, many)


_: tuple[type[Searcher], ...] = (HnswlibSearcher, UsearchSearcher)
PEERS = (
    Peer(
        "hnswlib",
        "hnswlib",
        {"links": 16, "construction": 200},
        build_hnswlib,
        HnswlibSearcher,
    ),
    Peer(
        "usearch-f16",
        "usearch",
        {"dtype": "f16", "links": 16, "construction": 128},
        build_usearch,
        UsearchSearcher,
    ),
    Peer(
        "usearch-i8",
        "usearch",
        {"dtype": "i8", "links": 16, "construction": 128},
        build_usearch,
        UsearchSearcher,
        unit=True,
    ),
)
