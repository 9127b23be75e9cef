"""The graphs beside FAISS': hnswlib (built with -O3 -march=native) and usearch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.retrieval.peer import Peer, Vectors
from edgerec.retrieval.peers.hnswlib import HnswlibSearcher, build_hnswlib
from edgerec.retrieval.peers.usearch import UsearchSearcher, build_usearch

__all__ = ["PEERS"]


def hnswlib(items: Vectors, **settings: Any) -> Callable[[Path], None]:
    """Build a graph of float32 vectors."""
    index = build_hnswlib(items, **settings)
    return lambda folder: index.save_index(str(folder / "index.hnswlib"))


def hnswlib_of(folder: Path, items: Vectors) -> HnswlibSearcher:
    """Read it."""
    from hnswlib import Index

    index = Index("ip", items.shape[1])
    index.load_index(str(folder / "index.hnswlib"))
    index.set_num_threads(1)
    return HnswlibSearcher(index)


def usearch(items: Vectors, **settings: Any) -> Callable[[Path], None]:
    """Build a graph."""
    index = build_usearch(items, **settings)
    return lambda folder: index.save(str(folder / "index.usearch"))


def usearch_of(folder: Path, items: Vectors) -> UsearchSearcher:
    """Read it."""
    from usearch.index import Index

    del items
    return UsearchSearcher(Index.restore(str(folder / "index.usearch"), view=False))


PEERS = (
    Peer(
        "hnswlib",
        "hnswlib",
        {"links": 16, "construction": 200},
        hnswlib,
        hnswlib_of,
    ),
    Peer(
        "usearch-f16",
        "usearch",
        {"dtype": "f16", "links": 16, "construction": 128},
        usearch,
        usearch_of,
    ),
    Peer(
        "usearch-i8",
        "usearch",
        {"dtype": "i8", "links": 16, "construction": 128},
        usearch,
        usearch_of,
        unit=True,
    ),
)
