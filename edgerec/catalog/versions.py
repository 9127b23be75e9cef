"""Arrays that change by versions: whoever holds an old version keeps seeing it.

All versions of an array share one memory, which holds the newest values. A change first notes what
it is about to replace, and then writes there; who reads an older version reads the memory, then the
notes made since that version, and puts back what they say. So a change costs what it changes and
not the size of the array, and nobody waits: a value that is replaced while it is read has its note
already. Growing writes beyond the end of every version there is, where nobody looks.

Notes hang on each other like a chain that is let go with the oldest version that needs it. Where a
version is held for so long that the chain grows past half the array, the newest version moves on
to memory of its own.

Only the newest version of an array may be grown or changed, by one thread at a time; any thread may
read any version.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog import bitmaps
from edgerec.catalog.bitmaps import Bitmap
from edgerec.catalog.strings import Strings
from edgerec.machine.pages import empty

__all__ = ["Tail", "Test", "Versioned", "tail_like", "taken"]

Rows = NDArray[np.int32]
Test = Callable[[NDArray[Any], NDArray[np.bool_]], object]

MIN_CAPACITY = 64
RESERVE = 8  # a new tail has room for an eighth of the base: memory that is not touched costs none
MIN_NOTES = 4096
NOTE = 32  # what a note weighs, however few rows it is about, in rows
NOTHING = np.empty(0, np.int32)
BLOCK_ROWS = 65_536  # tested together; their values and marks stay in the cache


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
        buffer = _with_room(self.buffer, self.size, size)
        buffer[self.size : size] = rows
        return Tail(buffer, size)


def tail_like(array: NDArray[Any]) -> Tail:
    """Return an empty tail for rows like those of ``array``."""
    return Tail(empty((len(array) // RESERVE, *array.shape[1:]), array.dtype))


def taken(base: NDArray[Any], later: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """Return ``rows`` of an array that ``later`` goes on, without holding other threads up."""
    values = empty((rows.size, *base.shape[1:]), base.dtype)
    for start in range(0, rows.size, BLOCK_ROWS):
        wanted, out = rows[start : start + BLOCK_ROWS], values[start : start + BLOCK_ROWS]
        if len(base):
            np.take(base, wanted, axis=0, out=out, mode="clip")  # which is not buffered
        newer = np.flatnonzero(wanted >= len(base)) if len(later) else ()
        if len(newer):
            out[newer] = later[wanted[newer] - len(base)]
    return values


def _with_room(buffer: NDArray[Any], used: int, wanted: int) -> NDArray[Any]:
    """Return a buffer of at least ``wanted`` rows that begins with the ``used`` ones."""
    if wanted <= len(buffer):
        return buffer
    larger = empty((max(MIN_CAPACITY, 2 * wanted), *buffer.shape[1:]), buffer.dtype)
    larger[:used] = buffer[:used]
    return larger


class _Moment:
    """Between two changes: what the later one replaced, and the moment after it.

    ``number`` counts the changes before it, ``passed`` the rows they were about. ``after`` is set
    last: whoever finds it finds the rest.
    """

    __slots__ = ("__weakref__", "after", "number", "old", "passed", "rows")

    def __init__(self, number: int, passed: int = 0) -> None:
        self.number = number
        self.passed = passed
        self.rows: Rows = NOTHING
        self.old: NDArray[Any] = self.rows
        self.after: _Moment | None = None


class _Memory:
    """The newest values: a base that may be mapped, rows that came later, changed strings."""

    __slots__ = ("__weakref__", "base", "changed", "held", "notes", "own", "tail")

    def __init__(self, base: NDArray[Any] | Strings, moment: _Moment, *, own: bool = False) -> None:
        reserve = 0 if base.dtype == np.object_ else len(base) // RESERVE
        self.base = base
        self.own = own  # whether the base may be written
        self.tail = np.empty(reserve, base.dtype)
        self.changed: dict[int, str] = {}  # of a base of strings
        self.notes = 0  # weight of the notes since the moment ...
        self.held = weakref.ref(moment)  # ... which is gone once no version needs it

    def read(self, rows: Rows, size: int) -> NDArray[Any]:
        base, tail = self.base, self.tail
        later = tail[: size - len(base)]
        if isinstance(base, np.ndarray):
            return taken(base, later, rows)
        values = np.empty(rows.size, np.object_)
        old = rows < len(base)
        values[old] = base[rows[old]]
        values[~old] = later[rows[~old] - len(base)]
        if self.changed:
            for place, row in enumerate(rows.tolist()):
                if row in self.changed:
                    values[place] = self.changed[row]
        return values

    def write(self, rows: Rows, values: NDArray[Any], size: int) -> None:
        if isinstance(self.base, np.ndarray) and not self.own:
            self.base, self.own = self.base.copy(), True
        if isinstance(self.base, np.ndarray) and size == len(self.base):
            self.base[rows] = values
            return
        old = rows < len(self.base)
        if isinstance(self.base, Strings):
            self.changed.update(zip(rows[old].tolist(), values[old].tolist(), strict=True))
        else:
            self.base[rows[old]] = values[old]
        if not old.all():
            self.tail[rows[~old] - len(self.base)] = values[~old]

    def append(self, size: int, values: NDArray[Any]) -> None:
        """Write the values of the rows from ``size`` on."""
        used = size - len(self.base)
        self.tail = _with_room(self.tail, used, used + len(values))
        self.tail[used : used + len(values)] = values

    def test(self, test: Test, start: int, out: NDArray[np.bool_]) -> None:
        """Test the values of the rows from ``start`` on, one a place of ``out``."""
        base, tail = self.base, self.tail
        before = min(max(len(base) - start, 0), out.size)
        if before:
            test(base[start : start + before], out[:before])
        if before < out.size:
            first = start + before - len(base)
            test(tail[first : first + out.size - before], out[before:])


@dataclass(frozen=True, slots=True, eq=False)
class Versioned:
    """One value a row, as one version sees it.

    Made by :meth:`of`, on top of an array or Strings that is never written and may be mapped.
    """

    memory: _Memory
    size: int
    moment: _Moment

    @classmethod
    def of(cls, base: NDArray[Any] | Strings) -> Versioned:
        """Return the first version, on top of ``base``."""
        moment = _Moment(0)
        return cls(_Memory(base, moment), len(base), moment)

    def __len__(self) -> int:
        return self.size

    def extended(self, values: NDArray[Any]) -> Versioned:
        """Return a version with ``values`` appended."""
        self.memory.append(self.size, values)
        return Versioned(self.memory, self.size + len(values), self.moment)

    def changed(self, rows: Rows, values: NDArray[Any]) -> Versioned:
        """Return a version whose ``rows`` hold ``values``; of a row that comes twice, the last."""
        return self._restored()._parted()._written(rows, values)  # noqa: SLF001 - of this class

    def take(self, rows: Rows) -> NDArray[Any]:
        """Return the values of ``rows``, each in [0, n)."""
        values = self.memory.read(rows, self.size)
        replaced = self._replaced()
        if replaced is not None:
            changed, old = replaced
            at = np.searchsorted(changed, rows).clip(max=changed.size - 1)
            hit = changed[at] == rows
            values[hit] = old[at[hit]]
        return values

    def whole(self) -> NDArray[Any]:
        """Return all values; the base itself where nothing came later, else a copy."""
        memory, moment, base = self.memory, self.moment, self.memory.base  # before it may change
        if self.size == len(base) and moment.number == 0 and moment.after is None:
            return base[:]
        values = np.concatenate([base[:], memory.tail[: self.size - len(base)]])
        for row, value in list(memory.changed.items()):
            values[row] = value
        replaced = self._replaced()
        if replaced is not None:
            rows, old = replaced
            inside = rows < self.size
            values[rows[inside]] = old[inside]
        return values

    def strings(self, rows: Rows) -> Strings:
        """Return the values of ``rows``, each in [0, n), of a base of strings."""
        memory, base = self.memory, self.memory.base
        assert isinstance(base, Strings)
        tail = memory.tail[: self.size - len(base)]
        other = dict(list(memory.changed.items()))
        replaced = self._replaced()
        if replaced is not None:
            other.update(zip(replaced[0].tolist(), replaced[1].tolist(), strict=True))
        other = {row: text for row, text in other.items() if row < self.size}
        places = np.arange(self.size)
        places[list(other)] = self.size + np.arange(len(other))
        every = base.joined(Strings.of(tail.tolist())).joined(Strings.of(other.values()))
        return every.take(places[rows])

    def bitmap(self, test: Test, start: int = 0) -> Bitmap:
        """Return the rows from ``start``, a multiple of 8, whose values pass ``test``.

        ``test(values, out)`` writes one bool a value.
        """
        bitmap = np.empty(bitmaps.size_bytes(self.size - start), np.uint8)
        marks = np.empty(min(BLOCK_ROWS, self.size - start), np.bool_)
        for first in range(start, self.size, BLOCK_ROWS):
            block = marks[: self.size - first]
            self.memory.test(test, first, block)
            at = first - start >> 3
            bitmap[at : at + bitmaps.size_bytes(block.size)] = bitmaps.pack(block)
        replaced = self._replaced()
        if replaced is not None:
            rows, old = replaced
            passed = np.empty(rows.size, np.bool_)
            test(old, passed)
            inside = (rows >= start) & (rows < self.size)
            bitmaps.put(bitmap, rows[inside] - start, passed[inside])
        return bitmap

    def far_from(self, other: Versioned, most: int) -> bool:
        """Whether more than ``most`` rows changed between this version and another, or any may."""
        passed = abs(self.moment.passed - other.moment.passed)
        return self.memory is not other.memory or passed > most

    def differing(self, other: Versioned) -> Rows | None:
        """Return the rows whose values may differ from another version's, for rows in both.

        None if the two do not share a memory, so that any row may. A row may come more than once.
        """
        if self.memory is not other.memory:
            return None
        first, last = sorted((self.moment, other.moment), key=lambda moment: moment.number)
        found: list[Rows] = []
        while first is not last:
            if first.after is None:
                return None
            found.append(first.rows)
            first = first.after
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else NOTHING

    def _replaced(self) -> tuple[Rows, NDArray[Any]] | None:
        """Return the rows that were changed since, ascending, and what they held; None if none."""
        moment, rows, old = self.moment, [], []
        while moment.after is not None:
            rows.append(moment.rows)
            old.append(moment.old)
            moment = moment.after
        if not rows:
            return None
        changed, first = np.unique(np.concatenate(rows), return_index=True)
        return changed, np.concatenate(old)[first]

    def _restored(self) -> Versioned:
        """Take back what was written after this version by a change that failed half-way."""
        replaced = self._replaced()
        if replaced is None:
            return self
        newest = self.moment
        while newest.after is not None:
            newest = newest.after
        last = Versioned(self.memory, self.size, newest)
        return last._written(*replaced)

    def _parted(self) -> Versioned:
        """Leave the memory to older versions where one of them is held for too long."""
        memory = self.memory
        if memory.notes <= max(MIN_NOTES, self.size // 2):
            return self
        if memory.held() in (None, self.moment):
            memory.held, memory.notes = weakref.ref(self.moment), 0
            return self
        moment = _Moment(self.moment.number, self.moment.passed)
        if isinstance(memory.base, Strings):
            own = _Memory(memory.base, moment)
            own.changed = dict(memory.changed)
        else:
            own = _Memory(memory.base.copy(), moment, own=True)
        own.append(len(own.base), memory.tail[: self.size - len(own.base)])
        return Versioned(own, self.size, moment)

    def _written(self, rows: Rows, values: NDArray[Any]) -> Versioned:
        memory, moment = self.memory, self.moment
        after = _Moment(moment.number + 1, moment.passed + rows.size)
        moment.rows, moment.old = rows, memory.read(rows, self.size)
        moment.after = after
        memory.write(rows, values, self.size)
        memory.notes += NOTE + rows.size
        return Versioned(memory, self.size, after)
