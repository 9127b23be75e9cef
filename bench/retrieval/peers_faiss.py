"""FAISS: graphs, and inverted files over codes of several kinds, re-ranked in float16."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.retrieval.peer import Peer, Vectors
from edgerec.retrieval.peers.faiss import FaissSearcher, build_faiss, faiss_alone

__all__ = ["PEERS"]

FILE = "index.faiss"


def build(items: Vectors, **settings: Any) -> Callable[[Path], None]:
    """Train and fill an index."""
    index = build_faiss(items, **settings)
    return lambda folder: faiss_alone().write_index(index, str(folder / FILE))


def load(folder: Path, items: Vectors) -> FaissSearcher:
    """Read the index."""
    del items
    return FaissSearcher(faiss_alone().read_index(str(folder / FILE)))


def _graph(name: str, factory: str, construction: int) -> Peer:
    settings = {"factory": factory, "construction": construction}
    return Peer(f"faiss-{name}", "faiss-cpu", settings, build, load)


def _lists(name: str, codes: str) -> Peer:
    settings = {"factory": f"IVF{{lists}}_HNSW32,{codes},Refine(SQfp16)"}
    return Peer(f"faiss-{name}", "faiss-cpu", settings, build_lists, load)


def build_lists(items: Vectors, *, factory: str) -> Callable[[Path], None]:
    """Build with 4096 lists for a million items, in smaller sets four times the root."""
    lists = max(16, min(4096, 1 << round(4 * len(items) ** 0.5).bit_length() - 1))
    codes = factory.format(lists=lists).replace("PQ64", f"PQ{items.shape[1] // 2}")
    return build(items, factory=codes)


PEERS = (
    _graph("hnsw32", "HNSW32", 40),
    _lists("ivf-pqfs", "PQ64x4fs"),
    _lists("ivf-pqfsr", "PQ64x4fsr"),
    _lists("ivf-sq8", "SQ8"),
    _lists("ivf-rabitqfs", "RaBitQfs"),
    _graph("hnsw64-sq8", "HNSW64_SQ8,Refine(SQfp16)", 200),
    _graph("hnsw32-200", "HNSW32", 200),
)
