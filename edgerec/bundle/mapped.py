"""An array of a bundle in memory: mapped from its file, hashed before it is used."""

from __future__ import annotations

import hashlib
import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.files import identity
from edgerec.bundle.layout import CHUNK_BYTES
from edgerec.bundle.part import Part
from edgerec.errors import BundleCorruptError, ValueRangeError
from edgerec.machine.pages import HUGE_BYTES, ask_huge

__all__ = ["MappedArray", "differs"]


class MappedArray:
    """A read-only memory map of an array part, and which of its chunks were hashed.

    Parameters
    ----------
    part : Part
        With a dtype.
    file : int
        Descriptor of its file, of the size the part promises; may be closed afterwards.
    where : str
        Names the file in messages.
    """

    def __init__(self, part: Part, file: int, where: str) -> None:
        self._part = part
        self._where = where
        self._stamp = identity(os.fstat(file))
        self._checked: set[int] = set()
        data = _mapped(file, part.bytes)
        self._data = memoryview(data)
        element = np.dtype(part.dtype).newbyteorder("<")
        self._array: NDArray[Any] = np.frombuffer(data, element).reshape(part.shape or ())

    def all(self) -> NDArray[Any]:
        """The array; BundleCorruptError unless every byte is as promised."""
        self._check(range(len(self._part.hashes)))
        return self._array

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop); BundleCorruptError unless the chunks that hold them are as promised.

        Raises
        ------
        ValueRangeError
            Not 0 <= start <= stop <= number of rows.
        """
        count = len(self._array) if self._array.ndim else 0
        if not 0 <= start <= stop <= count:
            raise ValueRangeError(
                f"part {self._part.name!r} has rows 0 to {count}, got [{start}, {stop})"
            )
        width = self._part.bytes // max(count, 1)
        self._check(range(start * width // CHUNK_BYTES, -(-stop * width // CHUNK_BYTES)))
        return self._array[start:stop]

    def check_unchanged(self, now: os.stat_result) -> None:
        """Raise BundleCorruptError unless ``now`` describes the file that was mapped."""
        if identity(now) != self._stamp:
            raise BundleCorruptError(f"{self._where}: changed since the bundle was opened")

    def _check(self, chunks: range) -> None:
        """Hash the chunks not yet hashed, through the map that is handed out."""
        for chunk in chunks:
            if chunk not in self._checked:
                piece = self._data[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES]
                if hashlib.sha256(piece).hexdigest() != self._part.hashes[chunk]:
                    raise differs(self._part, self._where, chunk)
                self._checked.add(chunk)


def _mapped(file: int, n_bytes: int) -> mmap.mmap | bytes:
    """Map a file, in huge pages where it can be had so; an empty one cannot be mapped."""
    if not n_bytes:
        return b""
    memory = mmap.mmap(file, n_bytes, access=mmap.ACCESS_READ)
    if n_bytes >= HUGE_BYTES:
        ask_huge(memory)  # before the first page is hashed: later is too late
    return memory


def differs(part: Part, where: str, chunk: int = 0) -> BundleCorruptError:
    """The error for a file whose bytes, in this chunk if it has chunks, are not as promised."""
    start, stop = (0, part.bytes)
    if part.chunks:
        start = chunk * CHUNK_BYTES
        stop = min(start + CHUNK_BYTES, part.bytes)
    return BundleCorruptError(
        f"{where}: bytes {start} to {stop} are not those that the manifest promises"
    )
