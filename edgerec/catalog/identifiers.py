"""External ids and the rows that carry them.

The base is three arrays that can be memory-mapped: the ids, their CRC-32 in ascending order, and
the rows in that order. Ids of newer rows are in a dictionary. Both only ever propose rows: a row
counts if it carries the id and is visible to who asks, so that readers of an older version and
half-finished writes never disturb each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap, bits_at
from edgerec.catalog.strings import Strings, objects
from edgerec.catalog.versions import Tail

__all__ = ["Identifiers"]

FEW = 8  # up to here ids are looked up one by one


@dataclass(frozen=True, slots=True, eq=False)
class Identifiers:
    """Ids of all rows, as one version of the catalogue sees them.

    Parameters
    ----------
    base : (n,) Strings
    hashes : (n,) uint32
        CRC-32 of the base's ids, ascending.
    order : (n,) int32
        The base's rows in the order of ``hashes``; rows of one hash ascend.
    tail : Tail of str
        Ids of the rows n and up.
    rows : dict
        Rows of the tail by id, ascending. All versions share it and look at their own rows only.
    """

    base: Strings
    hashes: NDArray[np.uint32]
    order: NDArray[np.int32]
    tail: Tail = field(default_factory=lambda: Tail(np.empty(0, np.object_)))
    rows: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        native = self.hashes.view(np.uint32)  # for the buffer protocol, '<I' is another type
        object.__setattr__(self, "hashes", native)

    @classmethod
    def of(cls, ids: Sequence[str]) -> Identifiers:
        """Return the first version, on top of ``ids``."""
        base = Strings.of(ids)
        return cls._sorted(base, _hashes(base))

    @classmethod
    def _sorted(cls, base: Strings, hashes: NDArray[np.uint32]) -> Identifiers:
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return cls(base, hashes[order], order)

    def __len__(self) -> int:
        return len(self.base) + self.tail.size

    def extended(self, ids: Sequence[str]) -> Identifiers:
        """Return a version with the ids of new rows appended."""
        first = len(self)
        for row, identifier in enumerate(ids, first):
            rows = self.rows.setdefault(identifier, [])
            while rows and rows[-1] >= first:  # of a write that failed half-way
                rows.pop()
            rows.append(row)
        return Identifiers(
            self.base, self.hashes, self.order, self.tail.extended(objects(ids)), self.rows
        )

    def compacted(self, rows: NDArray[Any]) -> Identifiers:
        """Return the first version of another catalogue, of ``rows`` in their order."""
        newer = Strings.of(self.tail.array)
        hashes = np.empty(len(self), np.uint32)
        hashes[self.order] = self.hashes
        hashes[len(self.base) :] = _hashes(newer)
        return self._sorted(self.base.joined(newer).take(rows), hashes[rows])

    def take(self, rows: NDArray[Any]) -> tuple[str, ...]:
        """Return the ids of ``rows``, each in [0, n)."""
        if not self.tail.size:
            return tuple(self.base[rows])
        old = rows < len(self.base)
        taken = np.empty(rows.shape, np.object_)
        taken[old] = self.base[rows[old]]
        taken[~old] = self.tail.array[rows[~old] - len(self.base)]
        return tuple(taken)

    def find(self, ids: Sequence[str], visible: Bitmap | None = None) -> NDArray[np.int32]:
        """Return the row of each id, (m,) int32; -1 where there is none.

        Parameters
        ----------
        ids : sequence of m str
        visible : bitmap, optional
            The rows that count, of those of this version; all without it.
        """
        encoded = _encoded(ids)
        if len(ids) <= FEW:
            rows = np.array([self._base_row(one, visible) for one in encoded], np.int32)
        else:
            rows = self._base_rows(encoded, visible)
        if self.rows:
            for place, identifier in enumerate(ids):
                newer = self.rows.get(identifier)
                if newer is not None:
                    rows[place] = self._newest(identifier, newer, visible, int(rows[place]))
        return rows

    def _newest(
        self, identifier: str, newer: list[int], visible: Bitmap | None, otherwise: int
    ) -> int:
        for row in reversed(newer):
            at = row - len(self.base)
            mine = at < self.tail.size and self.tail.buffer[at] == identifier
            if mine and (visible is None or _is_set(visible, row)):
                return row
        return otherwise

    def _base_rows(self, encoded: list[bytes], visible: Bitmap | None) -> NDArray[np.int32]:
        """:meth:`_base_row` of many ids at once."""
        hashes = np.array(list(map(crc32, encoded)), np.uint32)
        at, order = np.empty(hashes.size, np.intp), hashes.argsort()
        at[order] = self.hashes.searchsorted(hashes[order])  # neighbours share cache lines
        at = np.minimum(at, len(self.base) - 1)
        rows = self.order.take(at)
        found = self.base.equal(rows, encoded)
        if visible is not None:
            found &= bits_at(visible, rows)
        if not found.all():
            rows[~found] = -1
            others = ~found & (self.hashes[at] == hashes)  # may share their hash
            for place in others.nonzero()[0].tolist():
                rows[place] = self._base_row(encoded[place], visible)
        return rows

    def _base_row(self, encoded: bytes, visible: Bitmap | None) -> int:
        """Look at every row of the base whose id has the hash of this one."""
        hashes, wanted = self.hashes.data, crc32(encoded)
        at = bisect_left(hashes, wanted)
        while at < len(hashes) and hashes[at] == wanted:
            row = int(self.order[at])
            if self.base.bytes_at(row) == encoded and (visible is None or _is_set(visible, row)):
                return row
            at += 1
        return -1


def _encoded(ids: Sequence[str]) -> list[bytes]:
    try:
        return list(map(str.encode, ids))
    except UnicodeEncodeError:  # a lone surrogate: no id has one, and it is not found
        return [identifier.encode(errors="surrogatepass") for identifier in ids]


def _is_set(bitmap: Bitmap, row: int) -> bool:
    return bool(bitmap.data[row >> 3] >> (row & 7) & 1)


def _hashes(ids: Strings) -> NDArray[np.uint32]:
    return np.array([crc32(i) for i in ids.encoded(np.arange(len(ids)))], np.uint32)
