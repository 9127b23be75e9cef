"""Users and the items they touched, as a part of the bundle; and who stands behind a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.identifiers import Identifiers
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.strings import Strings
from edgerec.errors import InvalidInput, LimitExceeded

__all__ = ["Visitor", "Visitors"]

MAX_HISTORY = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Visitor:
    """Who asks: the rows of the items they touched, oldest first, and what was not known."""

    rows: NDArray[np.int32]
    unknown: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Visitors:
    """The users a bundle knows, with their histories as rows of its catalogue.

    Parameters
    ----------
    ids : Identifiers
        Of the users; user ``u`` has the history ``rows[offsets[u]:offsets[u + 1]]``.
    offsets : (users + 1,) int64
    rows : (n,) int32
        Oldest first.
    """

    ids: Identifiers
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, histories: Mapping[str, Sequence[str]], rows_by_id: Mapping[str, int]) -> Visitors:
        """Histories by user id; items that the catalogue lacks are left out."""
        known = [
            [rows_by_id[item] for item in items if item in rows_by_id]
            for items in histories.values()
        ]
        offsets = np.zeros(len(known) + 1, np.int64)
        np.cumsum([len(rows) for rows in known], out=offsets[1:])
        rows = np.fromiter((row for rows in known for row in rows), np.int32, int(offsets[-1]))
        return cls(Identifiers.of(list(histories)), offsets, rows)

    def __len__(self) -> int:
        return len(self.ids)

    def find(
        self, snapshot: Snapshot, user: str | None, history: Sequence[str] | None, *, limit: int
    ) -> Visitor:
        """Who asks: ``history`` where it is given, else what is known of ``user``.

        The last ``limit`` items count. A user or an item nobody knows is counted, not an error.

        Raises
        ------
        InvalidInput
            An id is not text, or ``history`` is not a list.
        LimitExceeded
            ``history`` is longer than 10,000 items.
        """
        unknown: dict[str, int] = {}
        if history is not None:
            rows, missing = snapshot.rows_of(_checked(history)[-limit:])
            if missing:
                unknown["history"] = missing
            if user is not None and self._place(user) is None:
                unknown["user"] = 1
            return Visitor(rows, unknown)
        place = None if user is None else self._place(user)
        if place is None:
            return Visitor(np.zeros(0, np.int32), {"user": 1})
        return Visitor(self.rows[self.offsets[place] : self.offsets[place + 1]][-limit:])

    def write(self, writer: BundleWriter) -> None:
        """Add the users to a bundle."""
        writer.add_array("visitors/id_offsets", "array", self.ids.base.offsets)
        writer.add_array("visitors/id_bytes", "array", self.ids.base.data)
        writer.add_array("visitors/id_hashes", "array", self.ids.hashes)
        writer.add_array("visitors/id_order", "array", self.ids.order)
        writer.add_array("visitors/offsets", "array", self.offsets)
        writer.add_array("visitors/rows", "array", self.rows)

    @classmethod
    def read(cls, bundle: Bundle) -> Visitors:
        """Map the users of a bundle."""
        ids = Identifiers(
            Strings(bundle.array("visitors/id_offsets"), bundle.array("visitors/id_bytes")),
            bundle.array("visitors/id_hashes"),
            bundle.array("visitors/id_order"),
        )
        return cls(ids, bundle.array("visitors/offsets"), bundle.array("visitors/rows"))

    def _place(self, user: str) -> int | None:
        if not isinstance(user, str):
            raise InvalidInput(f"a user id is text, got {type(user).__name__}: {user!r}")
        if not len(self.ids):
            return None
        (place,) = self.ids.find([user], _always)
        return place


def _always(_row: int) -> bool:
    return True


def _checked(history: Sequence[str]) -> list[str]:
    if isinstance(history, str) or not isinstance(history, Sequence):
        raise InvalidInput(f"history is a list of item ids, got {history!r}")
    if len(history) > MAX_HISTORY:
        raise LimitExceeded(f"history holds {len(history)} items; at most {MAX_HISTORY} are read")
    for item in history:
        if not isinstance(item, str):
            raise InvalidInput(f"an item id is text, got {type(item).__name__}: {item!r}")
    return list(history)
