"""Strings as two arrays, in Arrow's layout: offsets and UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import BundleCorruptError

__all__ = ["Strings", "objects"]

BLOCK_ROWS = 4096  # gathered together: an index a byte of more would only fill memory


@dataclass(frozen=True, slots=True, eq=False)
class Strings:
    """A read-only column of strings that can be memory-mapped; indexed like an array of str.

    Parameters
    ----------
    offsets : (n + 1,) int64
        Ascending from 0; string i is ``data[offsets[i]:offsets[i + 1]]``.
    data : (bytes,) uint8
        UTF-8.

    Raises
    ------
    BundleCorruptError
        The offsets do not ascend from 0 to the number of bytes.
    """

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]

    def __post_init__(self) -> None:
        offsets = self.offsets
        ordered = offsets.size > 0 and offsets[0] == 0 and offsets[-1] == self.data.size
        if not ordered or (offsets[1:] < offsets[:-1]).any():
            raise BundleCorruptError(
                f"string offsets must ascend from 0 to {self.data.size}, the number of bytes"
            )
        native = offsets.view(np.int64)  # for the buffer protocol, '<q' is another type
        object.__setattr__(self, "offsets", native)

    @classmethod
    def of(cls, strings: Iterable[str]) -> Strings:
        """Encode ``strings``."""
        encoded = [string.encode() for string in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(encoded), np.uint8))

    @property
    def dtype(self) -> np.dtype[Any]:
        """What indexing gives: Python's str."""
        return np.dtype(np.object_)

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, rows: NDArray[Any] | slice) -> NDArray[Any]:
        """Return strings as a (m,) array of str; BundleCorruptError if one is not UTF-8."""
        indices = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        try:
            return objects([encoded.decode() for encoded in self.encoded(indices)])
        except UnicodeDecodeError as error:
            raise BundleCorruptError(f"a string is not UTF-8: {error}") from error

    def take(self, rows: NDArray[Any]) -> Strings:
        """Return the strings at ``rows`` as a column of their own."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.zeros(rows.size + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(offsets[-1], np.uint8)
        for start in range(0, rows.size, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            first, last = offsets[start], offsets[min(start + BLOCK_ROWS, rows.size)]
            shifts = np.repeat(starts[block] - offsets[:-1][block], lengths[block])
            np.take(self.data, shifts + np.arange(first, last), out=data[first:last])
        return Strings(offsets, data)

    def joined(self, other: Strings) -> Strings:
        """Return these strings and then those of ``other``."""
        if not len(other):
            return self
        offsets = np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]])
        return Strings(offsets, np.concatenate([self.data, other.data]))

    def encoded(self, indices: NDArray[Any]) -> list[bytes]:
        """Return the UTF-8 bytes of the strings at ``indices``."""
        starts, stops = self.offsets[indices].tolist(), self.offsets[indices + 1].tolist()
        data = self.data.data
        return [bytes(data[a:b]) for a, b in zip(starts, stops, strict=True)]


def objects(strings: Iterable[str]) -> NDArray[Any]:
    """Return ``strings`` as a (n,) array of str objects."""
    strings = list(strings)
    array = np.empty(len(strings), np.object_)
    array[:] = strings
    return array
