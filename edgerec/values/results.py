"""What an engine answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Change", "Results"]


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Ranked items of one request.

    Parameters
    ----------
    ids : tuple of str
        External ids, best first; at most k, fewer where fewer items are eligible.
    scores : (n,) float32
        Descending; equal scores are ordered by row.
    version : str
        Digest of the bundle that answered.
    sequence : int
        Sequence number of the last change of the catalogue that the answer has seen.
    stages_us : mapping of str to float
        Time of each stage in microseconds (``features``, ``retrieve``, ``rank``, …).
    cut : tuple of str
        What the deadline took away, such as ``rank: 120 of 400 candidates``.
    fallback : tuple of str
        Which stand-ins answered, such as ``popularity``.
    cold : bool
        Whether nothing was known about the visitor.
    unknown : mapping of str to int
        What the request named that the bundle does not know, by kind: ``user``, ``history``,
        ``words``, ``candidates``.
    """

    ids: tuple[str, ...]
    scores: NDArray[np.float32]
    version: str
    sequence: int
    stages_us: Mapping[str, float]
    cut: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    cold: bool = False

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the catalogue did.

    ``sequence`` is its number, which answers that have seen it reach; ``unknown`` counts ids that
    were not there.
    """

    sequence: int
    unknown: int = 0
