"""Changes of a catalogue as values: checked, and good for any snapshot of it.

A change says which items it is about by their ids, never by rows, so that it can be made again
where the rows are numbered otherwise: of a snapshot that was compacted meanwhile, or in another
process that reads the same log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog import bitmaps
from edgerec.catalog.item_columns import ItemColumn, check_column
from edgerec.catalog.items import MAX_ID_BYTES, Items, Schema, check_id, in_stock
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import Originals, check_vectors
from edgerec.errors import InvalidInput, LimitExceeded, UnknownAttribute

__all__ = ["Change", "Delete", "Update", "Upsert", "check_changes", "check_ids"]

MAX_ROWS = 2**31 - 1
Given = Mapping[str, Sequence[Any] | NDArray[Any]]


class Change(Protocol):
    """What can be done to a snapshot."""

    def __len__(self) -> int:
        """Return how many items it is about."""

    def applied(self, now: Snapshot) -> tuple[Snapshot, int]:
        """Return the next snapshot, ``now`` itself if nothing changes, and how many ids it lacks.

        Only the newest snapshot of a generation may be changed, by one thread at a time.
        """

    def kept(self) -> Change:
        """Return the change for keeping: it shares no memory that others may write to."""


@dataclass(frozen=True, slots=True, eq=False)
class Upsert:
    """Items that are new or replace those of the same id; of :meth:`of`."""

    items: Items
    vectors: Originals

    @classmethod
    def of(cls, items: Items, vectors: NDArray[Any], now: Snapshot) -> Upsert:
        """Check that a snapshot could have these."""
        checked = check_vectors(vectors, len(items), dim=now.dim, kept=now.vectors.kept)
        if set(items.schema) != set(now.schema):
            raise InvalidInput(
                f"items must have the catalogue's attributes {_listed(now.schema)}; "
                f"got {_listed(items.schema)}"
            )
        if now.rows + len(items) > MAX_ROWS:
            raise LimitExceeded(f"a catalogue has at most {MAX_ROWS} rows: compact it")
        return cls(items, checked)

    def __len__(self) -> int:
        return len(self.items)

    def applied(self, now: Snapshot) -> tuple[Snapshot, int]:
        """See :class:`Change`."""
        if not len(self.items):
            return now, 0
        ids, given = self.items.ids, self.items.columns
        replaced, unknown = now.rows_of(ids)
        columns = {name: column.extended(given[name]) for name, column in now.columns.items()}
        rows = now.rows + len(ids)
        alive = np.zeros(bitmaps.size_bytes(rows), np.uint8)
        alive[: now.alive.size] = now.alive
        bitmaps.put(alive, replaced, bit=False)
        bitmaps.put(alive, np.arange(now.rows, rows), bit=True)
        after = replace(
            now,
            identifiers=now.identifiers.extended(ids),
            columns=columns,
            vectors=now.vectors.extended(self.vectors),
            alive=alive,
            sequence=now.sequence + 1,
        )
        return after, unknown

    def kept(self) -> Upsert:
        """See :class:`Change`."""
        return Upsert(self.items, self.vectors.copy())


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """New values of some attributes, of :func:`check_changes`, one an id of :func:`check_ids`."""

    ids: Sequence[str]
    columns: Mapping[str, ItemColumn]

    def __len__(self) -> int:
        return len(self.ids)

    def applied(self, now: Snapshot) -> tuple[Snapshot, int]:
        """See :class:`Change`."""
        rows = now.identifiers.find(self.ids, now.alive)
        known, every = (rows >= 0).nonzero()[0], rows.size
        if not known.size:
            return now, every
        changes = self.columns
        if known.size < every:
            rows = rows[known]
            changes = {name: _of(values, known) for name, values in changes.items()}
        columns = dict(now.columns)
        for name, values in changes.items():
            columns[name] = columns[name].changed(rows, values)
        after = replace(now, columns=columns, sequence=now.sequence + 1)
        return after, every - known.size

    def kept(self) -> Update:
        """See :class:`Change`."""
        return self  # checked columns are read-only


@dataclass(frozen=True, slots=True, eq=False)
class Delete:
    """Ids, each once, whose items go."""

    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def applied(self, now: Snapshot) -> tuple[Snapshot, int]:
        """See :class:`Change`."""
        rows, unknown = now.rows_of(self.ids)
        if not rows.size:
            return now, unknown
        alive = now.alive.copy()
        bitmaps.put(alive, rows, bit=False)
        return replace(now, alive=alive, sequence=now.sequence + 1), unknown

    def kept(self) -> Delete:
        """See :class:`Change`."""
        return self


def check_ids(ids: object, verb: str) -> list[str]:
    """Return a list of what can be ids; ``verb`` begins the message where that is no list."""
    if isinstance(ids, str):
        raise InvalidInput(f"{verb} wants a list of ids, got the str {ids!r}")
    listed: list[str] = list(ids)  # type: ignore[call-overload]
    if set(map(type, listed)) == {str} and "".join(listed).isascii():
        lengths = list(map(len, listed))
        if min(lengths) >= 1 and max(lengths) <= MAX_ID_BYTES:
            return listed  # none of which has to be named
    return [check_id(identifier) for identifier in listed]


def check_changes(schema: Schema, ids: Sequence[str], given: Given) -> dict[str, ItemColumn]:
    """Return the new values of some attributes, one an id, as columns hold them.

    A new ``stock`` sets ``in_stock`` too, unless that is given as well.

    Raises
    ------
    UnknownAttribute
        The schema lacks an attribute.
    ShapeError, InvalidInput, ValueRangeError, LimitExceeded
        Nothing to change, not one value an id, or one that does not fit its attribute.
    """
    if not given:
        raise InvalidInput("update: give at least one attribute")
    attributes = {attribute.name: attribute for attribute in schema}
    changes: dict[str, ItemColumn] = {}
    for name, values in given.items():
        if name not in attributes:
            raise UnknownAttribute(
                f"update: no attribute {name!r}; the catalogue has {', '.join(sorted(attributes))}"
            )
        changes[name] = check_column(attributes[name], values, ids, "update of")
    flag = attributes.get("in_stock")
    if flag is not None and flag.kind == "boolean" and "stock" in changes:
        changes.setdefault("in_stock", in_stock(changes["stock"]))
    return changes


def _of(values: ItemColumn, places: NDArray[Any]) -> ItemColumn:
    if isinstance(values, np.ndarray):
        return values.take(places)
    return tuple(values[place] for place in places.tolist())


def _listed(schema: Schema) -> str:
    return ", ".join(sorted(f"{a.name} ({a.kind})" for a in schema))
