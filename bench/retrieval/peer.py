"""What a peer is: how its index is built and kept; how it is asked stands with the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerec.retrieval.peers.searcher import Ask, Knobs, Rows, Searcher, Vectors

__all__ = ["Ask", "Knobs", "Peer", "Rows", "Searcher", "Vectors"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer in one form.

    Parameters
    ----------
    name : str
    package : str
        The distribution whose version its index depends on.
    settings : mapping
        All that its index depends on but the items; passed to ``build`` by name.
    build : callable
        From items and a folder: writes the index there. It runs in a process of its own, and its
        CPU time is the build time.
    load : callable
        From the folder and the items to a searcher.
    unit : bool
        Works on vectors of length 1 alone.
    """

    name: str
    package: str
    settings: Mapping[str, Any]
    build: Callable[..., Callable[[Path], None]]
    load: Callable[[Path, Vectors], Searcher]
    unit: bool = False
