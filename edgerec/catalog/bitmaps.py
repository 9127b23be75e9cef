"""Sets of rows, one bit a row: bit ``row & 7`` of byte ``row >> 3``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bitmap", "Eligible", "count", "pack", "put", "rows_of", "section", "size_bytes"]

Bitmap = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Eligible:
    """The rows a search may return.

    Parameters
    ----------
    bitmap : (ceil(n / 8),) uint8
        Bits beyond row n are zero.
    count : int
        Number of bits set.
    rows : int
        n, the number of rows the bitmap speaks of.
    """

    bitmap: Bitmap
    count: int
    rows: int

    @property
    def selectivity(self) -> float:
        """Share of the rows that is eligible, 0 to 1."""
        return self.count / self.rows if self.rows else 0.0


def size_bytes(rows: int) -> int:
    """Return the length of a bitmap of ``rows`` bits."""
    return (rows + 7) >> 3


def pack(mask: NDArray[np.bool_]) -> Bitmap:
    """Pack a (n,) bool mask."""
    return np.packbits(mask, bitorder="little")


def count(bitmap: Bitmap) -> int:
    """Return how many bits are set."""
    whole = bitmap.size & ~7
    words = np.bitwise_count(bitmap[:whole].view(np.uint64)).sum(dtype=np.int64)
    return int(words) + int(np.bitwise_count(bitmap[whole:]).sum(dtype=np.int64))


def put(bitmap: Bitmap, rows: NDArray[Any], bit: bool) -> None:
    """Set or clear the bits of ``rows`` (each inside the bitmap) in place."""
    masks = np.left_shift(np.uint8(1), (rows & 7).astype(np.uint8))
    if bit:
        np.bitwise_or.at(bitmap, rows >> 3, masks)
    else:
        np.bitwise_and.at(bitmap, rows >> 3, ~masks)


def rows_of(bitmap: Bitmap) -> NDArray[np.int32]:
    """Return the rows whose bit is set, ascending."""
    occupied = np.flatnonzero(bitmap)  # sparse sets touch few bytes
    bits = np.unpackbits(bitmap[occupied].reshape(-1, 1), axis=1, bitorder="little")
    byte, bit = np.nonzero(bits)
    return ((occupied[byte] << 3) + bit).astype(np.int32)


def section(bitmap: Bitmap, start: int, stop: int) -> Bitmap:
    """Return the bits of rows ``start`` to ``stop`` as a bitmap whose row 0 is ``start``.

    Bits of the last byte beyond ``stop`` may be set.
    """
    inside = bitmap[start >> 3 : size_bytes(stop)]
    if start & 7 == 0:
        return inside
    bits = np.unpackbits(inside, bitorder="little")
    return np.packbits(bits[start & 7 : (start & 7) + stop - start], bitorder="little")
