"""How an index is asked, and what turns its recall up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ask", "Knobs", "Rows", "Searcher", "Vectors"]

Vectors = NDArray[np.float32]
Rows = NDArray[Any]


def _nothing() -> None:
    """Knobs that go with every call need no turning."""


class Ask(NamedTuple):
    """A searcher at one setting: rows of one query (dim,), and of many (q, dim), best first.

    -1 stands where there was none. Where other settings of the same searcher are asked in between,
    ``turn`` comes before each call.
    """

    one: Callable[[Vectors], Rows]
    many: Callable[[Vectors], Rows]
    turn: Callable[[], None] = _nothing


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
