"""Chance that never changes: every draw is a hash of what it is for.

There is no state and no order of drawing: draw ``number`` of ``index`` in ``stream`` is the same
alone and in a crowd, on every machine and with every version of NumPy.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgerec.features.hashing import Hashes, mix64

__all__ = ["Stream", "below", "chance", "draw", "pick"]

GOLDEN = 0x9E3779B97F4A7C15
SILVER = 0xD1342543DE82EF95
Ints = NDArray[np.int64]


class Stream(IntEnum):
    """What a draw is for. Numbers are never used again for something else."""

    PRODUCT = 1
    SHOPPER = 2
    LIKED_DEPARTMENT = 3
    LIKED_CATEGORY = 4
    LIKED_BRAND = 5
    LIKED_STYLE = 6
    LIKED_MATERIAL = 7
    VISIT = 8
    TIME = 9
    INTENT = 10
    CLICK = 11
    PURCHASE = 12
    TYPING = 13


def draw(stream: Stream, index: ArrayLike, number: ArrayLike = 0) -> Hashes:
    """Give 64 random bits for each ``index`` and ``number`` (arrays >= 0, broadcast), uint64."""
    start = np.asarray(index).astype(np.uint64) * np.uint64(GOLDEN) + np.uint64(int(stream))
    return mix64(mix64(start) + np.asarray(number).astype(np.uint64) * np.uint64(SILVER))


def below(bits: Hashes, bound: ArrayLike) -> Ints:
    """Turn random bits into integers in [0, bound), int64; ``bound`` at most 2^31."""
    high = bits >> np.uint64(32)
    return ((high * np.asarray(bound).astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def chance(bits: Hashes, percent: ArrayLike) -> NDArray[np.bool_]:
    """Decide with a chance of ``percent`` in a hundred."""
    return below(bits, 100) < np.asarray(percent)


def pick(bits: Hashes, weights: tuple[int, ...]) -> Ints:
    """Turn random bits into places in ``weights``, each as likely as its weight says."""
    bounds = np.cumsum(weights)
    return np.searchsorted(bounds, below(bits, int(bounds[-1])), side="right")
