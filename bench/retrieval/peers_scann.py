"""ScaNN as it is documented for a million items: a tree with SOAR, 4-bit codes, re-ranking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.retrieval.peer import Peer, Vectors
from edgerec.retrieval.peers.scann import ScannSearcher, build_scann

__all__ = ["PEERS"]


def build(items: Vectors, **settings: Any) -> Callable[[Path], None]:
    """Train and fill."""
    index = build_scann(items, **settings)
    return lambda folder: index.serialize(str(folder))


def load(folder: Path, items: Vectors) -> ScannSearcher:
    """Read it."""
    from scann import scann_ops_pybind

    return ScannSearcher(scann_ops_pybind.load_searcher(str(folder)), len(items))


PEERS = (
    Peer(
        "scann",
        "scann",
        {"leaves": 2000, "soar": 1.5, "threshold": 0.2, "sample": 250_000},
        build,
        load,
    ),
)
