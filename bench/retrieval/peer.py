"""What a peer is: how its index is built, kept and asked, and what turns its recall up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ask", "Knobs", "Peer", "Rows", "Searcher", "Vectors"]

Vectors = NDArray[np.float32]
Rows = NDArray[Any]


class Ask(NamedTuple):
    """A searcher at one setting: rows of one query (dim,), and of many (q, dim), best first."""

    one: Callable[[Vectors], Rows]
    many: Callable[[Vectors], Rows]


@dataclass(frozen=True, slots=True)
class Knobs:
    """What is tuned at query time.

    Parameters
    ----------
    most : int
        ``effort`` (lists, leaves, length of the beam) goes from 1 to this.
    widths : tuple of int
        How many times k are re-ranked; (1,) where nothing is.
    """

    most: int
    widths: tuple[int, ...] = (1,)


class Searcher(Protocol):
    """An index in memory."""

    @property
    def knobs(self) -> Knobs:
        """What can be turned."""

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Turn the knobs; what comes back holds until they are turned again."""
        ...


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
