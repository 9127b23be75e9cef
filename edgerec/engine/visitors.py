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
from edgerec.errors import BundleCorruptError, InvalidInput, LimitExceeded

__all__ = ["Visitor", "Visitors"]

MAX_HISTORY = 10_000
NOBODY = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Visitor:
    """Who asks.

    ``rows`` (m,) int32 are the latest items they touched, oldest first; ``touched`` all of them;
    ``unknown`` counts what was named and is not known.
    """

    rows: NDArray[np.int32]
    touched: NDArray[np.int32]
    unknown: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Visitors:
    """The users a bundle knows, with their histories as rows of its catalogue as it was built.

    Parameters
    ----------
    ids : Identifiers
        Of the users; user ``u`` has the history ``rows[offsets[u]:offsets[u + 1]]``.
    offsets : (users + 1,) int64
    rows : (n,) int32
        Oldest first.
    items : Identifiers
        Of the catalogue's rows.
    """

    ids: Identifiers
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    items: Identifiers

    @classmethod
    def of(cls, histories: Mapping[str, Sequence[str]], snapshot: Snapshot) -> Visitors:
        """Histories by user id; items that the catalogue lacks are left out."""
        known = [snapshot.rows_of(items)[0] for items in histories.values()]
        offsets = np.zeros(len(known) + 1, np.int64)
        np.cumsum([rows.size for rows in known], out=offsets[1:])
        rows = np.concatenate([NOBODY, *known])
        return cls(Identifiers.of(list(histories)), offsets, rows, snapshot.identifiers)

    def renumbered(self, snapshot: Snapshot) -> Visitors:
        """Return the same users with the rows that their items have in ``snapshot``.

        Items that it lacks are left out.
        """
        found = snapshot.identifiers.find(self.items.take(self.rows), snapshot.alive)
        before = np.concatenate([[0], np.cumsum(found >= 0)])
        offsets = before[self.offsets].astype(np.int64)
        return Visitors(self.ids, offsets, found[found >= 0], snapshot.identifiers)

    def __len__(self) -> int:
        return len(self.ids)

    def find(
        self, snapshot: Snapshot, user: str | None, history: Sequence[str] | None, *, limit: int
    ) -> Visitor:
        """Who asks: ``history`` where it is given, else what is known of ``user``.

        The last ``limit`` known items count. A user or an item that nobody knows is counted and
        no error.

        Raises
        ------
        InvalidInput
            An id is not text, or ``history`` is not a list.
        LimitExceeded
            ``history`` is longer than 10,000 items.
        """
        place = None if user is None else self._place(user)
        stranger = {"user": 1} if user is not None and place is None else {}
        if history is not None:
            touched, missing = snapshot.rows_of(_checked(history))
            gone = {"history": missing} if missing else {}
            return Visitor(touched[-limit:], touched, stranger | gone)
        if place is None:
            return Visitor(NOBODY, NOBODY, stranger)
        touched = self.rows[self.offsets[place] : self.offsets[place + 1]]
        if snapshot.identifiers is not self.items:  # rows may have other numbers now
            touched, _ = snapshot.rows_of(self.items.take(touched))
        return Visitor(touched[-limit:], touched)

    def write(self, writer: BundleWriter) -> None:
        """Add the users to a bundle."""
        writer.add_array("visitors/id_offsets", "array", self.ids.base.offsets)
        writer.add_array("visitors/id_bytes", "array", self.ids.base.data)
        writer.add_array("visitors/id_hashes", "array", self.ids.hashes)
        writer.add_array("visitors/id_order", "array", self.ids.order)
        writer.add_array("visitors/offsets", "array", self.offsets)
        writer.add_array("visitors/rows", "array", self.rows)

    @classmethod
    def read(cls, bundle: Bundle, snapshot: Snapshot) -> Visitors:
        """Map the users of a bundle whose catalogue is ``snapshot``.

        Raises
        ------
        BundleCorruptError
            The arrays do not fit each other.
        """
        ids = Identifiers(
            Strings(bundle.array("visitors/id_offsets"), bundle.array("visitors/id_bytes")),
            bundle.array("visitors/id_hashes"),
            bundle.array("visitors/id_order"),
        )
        offsets, rows = bundle.array("visitors/offsets"), bundle.array("visitors/rows")
        visitors = cls(ids, offsets, rows, snapshot.identifiers)
        visitors._check(snapshot.rows)
        return visitors

    def _check(self, rows: int) -> None:
        """Raise unless every user has a history within ``rows`` rows of a catalogue."""
        users, offsets = len(self.ids.base), self.offsets
        fits = (
            offsets.dtype == np.int64
            and self.rows.dtype == np.int32
            and offsets.shape == (users + 1,)
            and self.ids.hashes.shape == self.ids.order.shape == (users,)
            and offsets[0] == 0
            and offsets[-1] == self.rows.size
            and bool((np.diff(offsets) >= 0).all())
        )
        in_range = _within(self.rows, rows) and _within(self.ids.order, users)
        if not fits or not in_range:
            raise BundleCorruptError("visitors: the histories do not fit users and catalogue")

    def _place(self, user: str) -> int | None:
        if not isinstance(user, str):
            raise InvalidInput(f"a user id is text, got {type(user).__name__}: {user!r}")
        if not len(self.ids):
            return None
        place = int(self.ids.find([user])[0])
        return place if place >= 0 else None


def _within(places: NDArray[np.int32], count: int) -> bool:
    return not places.size or 0 <= int(places.min()) <= int(places.max()) < count


def _checked(history: Sequence[str]) -> list[str]:
    given: object = history
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise InvalidInput(f"history is a list of item ids, got {history!r}")
    if len(history) > MAX_HISTORY:
        raise LimitExceeded(f"history holds {len(history)} items; at most {MAX_HISTORY} are read")
    for item in history:
        if not isinstance(item, str):
            raise InvalidInput(f"an item id is text, got {type(item).__name__}: {item!r}")
    return list(history)
