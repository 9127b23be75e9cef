"""Bitmaps of single comparisons, kept from one request to the next.

A shop's requests ask for the same few things: in stock, below a price, of a brand. The bitmap of
each is made once and then brought up to date, by looking only at the rows that changed or came
since; so is one that an older snapshot asks for, by looking at the same rows there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog import bitmaps
from edgerec.catalog.bitmaps import Bitmap
from edgerec.catalog.versions import Test, Versioned
from edgerec.values.where import Leaf

__all__ = ["Predicates"]

MAX_BYTES = 64 * 2**20
FEWEST = 8  # are kept, however large
MUCH = 8  # where more than an eighth of the rows changed, all are looked at

Key = tuple[object, ...]


@dataclass(slots=True, eq=False)
class _Kept:
    """A bitmap, of which version it is, and when it was last asked for."""

    stored: Versioned
    bitmap: Bitmap
    used: int


class Predicates:
    """Bitmaps by comparison, those asked for last; for all versions of one catalogue's columns.

    Readers share it without locks: an entry is replaced as a whole, and two that make the same
    bitmap at the same time have only worked twice.

    Parameters
    ----------
    max_bytes : int
        What the bitmaps may take together.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[Key, _Kept] = {}
        self._clock = count()

    def __len__(self) -> int:
        return len(self._kept)

    def bitmap(self, leaf: Leaf, stored: Versioned, test: Callable[[], Test]) -> Bitmap:
        """Return the rows of ``stored`` that pass the test of ``leaf``, not to be written to.

        Parameters
        ----------
        leaf : Leaf
        stored : Versioned
            Of the leaf's attribute.
        test : callable
            Makes the test, and raises what is wrong with the leaf; called only where it is needed.

        Returns
        -------
        bitmap : (ceil(n / 8),) uint8
            Bits beyond row n are anything.
        """
        key = _key(leaf)
        kept = self._kept.get(key)
        if kept is None:
            bitmap = stored.bitmap(test())
        elif kept.stored is stored:
            kept.used = next(self._clock)
            return kept.bitmap
        else:
            bitmap = _renewed(kept, stored, test())
            if _is_older(stored, kept.stored):
                return bitmap
        self._kept[key] = _Kept(stored, bitmap, next(self._clock))
        if kept is None or kept.stored.memory is not stored.memory:
            self._forget(leaf.field, stored)
        if kept is None or bitmap.size != kept.bitmap.size:
            self._make_room(bitmap.size)
        return bitmap

    def _forget(self, field: str, stored: Versioned) -> None:
        """Drop bitmaps that it would not pay to renew: they keep old values in memory."""
        for key, kept in self._kept.copy().items():
            older = kept.stored.moment.number <= stored.moment.number
            if key[0] == field and older and kept.stored.far_from(stored, stored.size // MUCH):
                self._kept.pop(key, None)

    def _make_room(self, size_bytes: int) -> None:
        most = max(FEWEST, self._max_bytes // max(size_bytes, 1))
        if len(self._kept) > most:
            by_age = sorted(self._kept.copy().items(), key=lambda item: item[1].used)
            for key, _ in by_age[: len(by_age) - most]:
                self._kept.pop(key, None)


def _key(leaf: Leaf) -> Key:
    """What tells comparisons apart; 1, 1.0 and True are equal, and not the same operand."""
    value = leaf.value
    types = tuple(map(type, value)) if isinstance(value, tuple) else type(value)
    return leaf.field, leaf.operator, value, types


def _is_older(stored: Versioned, than: Versioned) -> bool:
    if stored.memory is not than.memory:
        return False
    return (stored.moment.number, stored.size) < (than.moment.number, than.size)


def _renewed(kept: _Kept, stored: Versioned, test: Test) -> Bitmap:
    """Return the bitmap of ``stored``, made from that of another version."""
    far = stored.far_from(kept.stored, stored.size // MUCH)
    rows = None if far else stored.differing(kept.stored)
    if rows is None:
        return stored.bitmap(test)
    bitmap, shared = kept.bitmap, min(stored.size, kept.stored.size)
    if stored.size > shared:
        start = shared & ~7
        bitmap = np.concatenate([bitmap[: start >> 3], stored.bitmap(test, start)])
    elif stored.size < kept.stored.size:
        bitmap = bitmap[: bitmaps.size_bytes(stored.size)]
    rows = rows[rows < shared]
    if not rows.size:
        return bitmap
    passed: NDArray[np.bool_] = np.empty(rows.size, np.bool_)
    test(stored.take(rows), passed)
    if (passed == bitmaps.bits_at(bitmap, rows)).all():
        return bitmap
    bitmap = bitmap.copy() if bitmap.base is not None or bitmap is kept.bitmap else bitmap
    bitmaps.put(bitmap, rows, passed)
    return bitmap
