"""Arrays that change by versions: whoever holds an old version keeps seeing it.

A version shares its predecessor's memory. Growing writes beyond the predecessor's end, where its
holders never look, and a changed value lies in a small overlay, so a change costs what it changes
and not the size of the array. Only the newest version of an array may be grown or changed, by one
thread at a time; any thread may read any version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.strings import Strings

__all__ = ["Tail", "Test", "Versioned", "folded", "tail_like"]

Test = Callable[[NDArray[Any], NDArray[np.bool_]], object]

MAX_CHANGES = 1024  # then they are folded into a copy of the array
MIN_CAPACITY = 64


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """A growing array of rows; the first ``size`` rows of ``buffer`` are this version."""

    buffer: NDArray[Any]
    size: int = 0

    @property
    def array(self) -> NDArray[Any]:
        """(size, …) view of this version."""
        return self.buffer[: self.size]

    def extended(self, rows: NDArray[Any]) -> Tail:
        """Return a version with ``rows`` appended."""
        size = self.size + len(rows)
        buffer = self.buffer
        if size > len(buffer):
            capacity = max(MIN_CAPACITY, 2 * size)
            buffer = np.empty((capacity, *buffer.shape[1:]), buffer.dtype)
            buffer[: self.size] = self.array
        buffer[self.size : size] = rows
        return Tail(buffer, size)


def tail_like(array: NDArray[Any]) -> Tail:
    """Return an empty tail for rows like those of ``array``."""
    return Tail(np.empty((0, *array.shape[1:]), array.dtype))


@dataclass(frozen=True, slots=True, eq=False)
class Versioned:
    """One value a row: an immutable base, a tail that grows, and changed values.

    Parameters
    ----------
    base : (n,) array or Strings
        Often memory-mapped; never written.
    tail : Tail
        Rows n and up.
    rows : (m,) int32
        Rows whose value changed, ascending; at most 1024.
    values : (m,) array
        Their values.
    """

    base: NDArray[Any] | Strings
    tail: Tail
    rows: NDArray[np.int32]
    values: NDArray[Any]

    @classmethod
    def of(cls, base: NDArray[Any] | Strings) -> Versioned:
        """Return the first version, on top of ``base``."""
        nothing = np.empty(0, base.dtype)
        return cls(base, Tail(nothing), np.empty(0, np.int32), nothing)

    def __len__(self) -> int:
        return len(self.base) + self.tail.size

    def extended(self, values: NDArray[Any]) -> Versioned:
        """Return a version with ``values`` appended."""
        return replace(self, tail=self.tail.extended(values))

    def changed(self, row: int, value: Any) -> Versioned:
        """Return a version whose ``row`` holds ``value``."""
        at = int(np.searchsorted(self.rows, row))
        if at < self.rows.size and self.rows[at] == row:
            values = self.values.copy()
            values[at] = value
            return replace(self, values=values)
        version = replace(
            self, rows=np.insert(self.rows, at, row), values=np.insert(self.values, at, value)
        )
        return version if version.rows.size <= MAX_CHANGES else folded(version)

    def take(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return the values of ``rows``, each in [0, n)."""
        if not self.tail.size and not self.rows.size:
            return np.asarray(self.base[rows], self.base.dtype)
        old = rows < len(self.base)
        values = np.empty(rows.shape, self.base.dtype)
        values[old] = self.base[rows[old]]
        values[~old] = self.tail.array[rows[~old] - len(self.base)]
        if self.rows.size:
            at = np.searchsorted(self.rows, rows).clip(max=self.rows.size - 1)
            hit = self.rows[at] == rows
            values[hit] = self.values[at[hit]]
        return values

    def whole(self) -> NDArray[Any]:
        """Return all values; the base itself where nothing came later, else a copy."""
        if not self.tail.size and not self.rows.size:
            return self.base[:]
        values = np.concatenate([self.base[:], self.tail.array])
        values[self.rows] = self.values
        return values

    def mask(self, test: Test) -> NDArray[np.bool_]:
        """Return the (n,) mask of the values that pass ``test``.

        ``test(values, out)`` writes one bool a value.
        """
        out = np.empty(len(self), np.bool_)
        test(self.base[:], out[: len(self.base)])
        if self.tail.size:
            test(self.tail.array, out[len(self.base) :])
        if self.rows.size:
            passed = np.empty(self.rows.size, np.bool_)
            test(self.values, passed)
            out[self.rows] = passed
        return out


def folded(version: Versioned) -> Versioned:
    """Return the same values without changes on top, in memory of its own."""
    values, base_size = version.whole(), len(version.base)
    return Versioned.of(values[:base_size]).extended(values[base_size:])
