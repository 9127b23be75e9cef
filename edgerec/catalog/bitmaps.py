"""Sets of rows, one bit a row: bit ``row & 7`` of byte ``row >> 3``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.kernels import bitmaps as kernels

__all__ = [
    "Bitmap",
    "Eligible",
    "bits_at",
    "count",
    "pack",
    "put",
    "rows_of",
    "section",
    "size_bytes",
]

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

    def narrowing(self, start: int, stop: int) -> Bitmap | None:
        """Return the bits of rows ``start`` to ``stop``; None where no row at all is left out."""
        return None if self.count == self.rows else section(self.bitmap, start, stop)


def size_bytes(rows: int) -> int:
    """Return the length of a bitmap of ``rows`` bits."""
    return (rows + 7) >> 3


def pack(mask: NDArray[np.bool_]) -> Bitmap:
    """Pack a (n,) bool mask."""
    return np.packbits(mask, bitorder="little")


def count(bitmap: Bitmap) -> int:
    """Return how many bits are set."""
    return kernels.count(bitmap, 8 * bitmap.size)


def put(bitmap: Bitmap, rows: NDArray[Any], bit: bool | NDArray[np.bool_]) -> None:
    """Set or clear the bits of ``rows`` (each inside the bitmap) in place; of one, the last."""
    bits = bit if isinstance(bit, np.ndarray) else np.full(rows.size, bit)
    kernels.put(bitmap, 8 * bitmap.size, rows.astype(np.int32, copy=False), bits)


def bits_at(bitmap: Bitmap, rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each of ``rows``, inside the bitmap, is set."""
    found: NDArray[np.bool_] = (bitmap[rows >> 3] >> (rows & 7).astype(np.uint8) & 1).view(np.bool_)
    return found


def rows_of(bitmap: Bitmap) -> NDArray[np.int32]:
    """Return the rows whose bit is set, ascending."""
    return kernels.rows_of(bitmap, 8 * bitmap.size)


def section(bitmap: Bitmap, start: int, stop: int) -> Bitmap:
    """Return the bits of rows ``start`` to ``stop`` as a bitmap whose row 0 is ``start``.

    Bits of the last byte beyond ``stop`` may be set.
    """
    inside = bitmap[start >> 3 : size_bytes(stop)]
    if start & 7 == 0:
        return inside
    bits = np.unpackbits(inside, bitorder="little")
    return np.packbits(bits[start & 7 : (start & 7) + stop - start], bitorder="little")
