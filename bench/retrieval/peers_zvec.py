"""zvec: a graph over int8 codes in contiguous memory, its refiner over float32."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.retrieval.cache import cache_folder
from bench.retrieval.peer import Peer, Vectors
from edgerec.retrieval.peers.zvec import ZvecSearcher, write_zvec

__all__ = ["PEERS"]


def build(items: Vectors, **settings: Any) -> Callable[[Path], None]:
    """Write the collection aside; keeping it is a move."""
    aside = Path(tempfile.mkdtemp(dir=cache_folder())) / "collection"
    write_zvec(items, aside, **settings)

    def save(folder: Path) -> None:
        shutil.move(aside, folder / "collection")
        aside.parent.rmdir()

    return save


def load(folder: Path, items: Vectors) -> ZvecSearcher:
    """Open it."""
    return ZvecSearcher(folder / "collection", len(items))


PEERS = (Peer("zvec-i8", "zvec", {"links": 32, "construction": 200}, build, load),)
