"""External ids and the rows that carry them.

The base is three arrays that can be memory-mapped: the ids, their CRC-32 in ascending order, and
the rows in that order. Ids of newer rows are in a dictionary. Both only ever propose rows: a row
counts if it carries the id and is visible to who asks, so that readers of an older version and
half-finished writes never disturb each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap
from edgerec.catalog.strings import Strings, objects
from edgerec.catalog.versions import Tail
from edgerec.kernels.identifiers import find_ids

__all__ = ["Identifiers"]


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
        first, newer = len(self.base), self.tail.buffer
        old = iter(self.base[rows[rows < first]])
        return tuple(next(old) if row < first else newer[row - first] for row in rows.tolist())

    def find(self, ids: Sequence[str], visible: Bitmap | None = None) -> NDArray[np.int32]:
        """Return the row of each id, (m,) int32; -1 where there is none.

        Parameters
        ----------
        ids : sequence of m str
        visible : bitmap, optional
            The rows that count, of those of this version; all without it.
        """
        base, ids = self.base, list(ids)
        rows = find_ids(ids, self.hashes, self.order, base.offsets, base.data, visible=visible)
        if self.rows:
            for place, newer in enumerate(map(self.rows.get, ids)):
                if newer is not None:
                    otherwise = int(rows[place])
                    rows[place] = self._newest(ids[place], newer, visible, otherwise)
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


def _is_set(bitmap: Bitmap, row: int) -> bool:
    return bool(bitmap.data[row >> 3] >> (row & 7) & 1)


def _hashes(ids: Strings) -> NDArray[np.uint32]:
    return np.array([crc32(i) for i in ids.encoded(np.arange(len(ids)))], np.uint32)
