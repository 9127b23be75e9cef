"""The catalogue of a process: one writer at a time, any number of readers that never wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog import bitmaps
from edgerec.catalog.attributes import Attribute
from edgerec.catalog.bitmaps import Bitmap
from edgerec.catalog.columns import Column, column_of
from edgerec.catalog.identifiers import Identifiers
from edgerec.catalog.item_columns import ItemColumn, check_column
from edgerec.catalog.items import Items, Schema, check_id, in_stock
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.storage import read_snapshot, write_snapshot
from edgerec.catalog.vectors import (
    Metric,
    Originals,
    Segment,
    Vectors,
    check_metric,
    check_vectors,
)
from edgerec.errors import InvalidInput, LimitExceeded, UnknownAttribute, ValueRangeError
from edgerec.machine.fork import PerProcess

__all__ = ["Catalog"]

MAX_ROWS = 2**31 - 1
Watcher = Callable[[Snapshot], object]


class Catalog:
    """Items and their vectors, changing while they are read.

    Every change makes a new :class:`Snapshot` and puts it in place with one assignment: a reader
    sees all of a change or nothing. Changes cost what they change: new rows are appended behind an
    immutable base that may be memory-mapped, attributes change without touching vectors, and rows
    that are deleted or replaced stay as dead rows until :meth:`compacted`.

    Parameters
    ----------
    items : Items, at least one
    vectors : (n, dim) float32 or float16
        Kept as the originals that give exact scores; float16 halves their memory.
    metric : Metric
        What orders the rows of a search: ``inner`` product, ``cosine`` or ``l2`` distance.

    Raises
    ------
    InvalidInput
        There is no such metric.
    ValueRangeError
        There are no items, or a vector holds NaN or a number beyond ±1e16.
    ShapeError
        The vectors do not fit the items.
    """

    def __init__(self, items: Items, vectors: NDArray[Any], *, metric: Metric = "inner") -> None:
        if not len(items):
            raise ValueRangeError("a catalogue needs at least one item, got none")
        metric = check_metric(metric)
        base = Segment.of(check_vectors(vectors, len(items)), metric=metric)
        columns = {a.name: column_of(a, items.columns[a.name]) for a in items.schema}
        alive = bitmaps.pack(np.ones(len(items), np.bool_))
        self._begin(
            Snapshot(Identifiers.of(items.ids), columns, Vectors.of(base, metric), alive, 0)
        )

    @classmethod
    def at(cls, snapshot: Snapshot) -> Catalog:
        """Return a catalogue that goes on from ``snapshot``, which nobody else may change."""
        catalog = cls.__new__(cls)
        catalog._begin(snapshot)  # noqa: SLF001 - a constructor of this class
        return catalog

    def _begin(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._writing = PerProcess(threading.Lock)  # a forked child must not inherit a held lock
        self._watchers: tuple[Watcher, ...] = ()

    def snapshot(self) -> Snapshot:
        """Return the newest version; it never changes."""
        return self._snapshot

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have every new snapshot with new rows shown to ``watcher``, in the order of the changes.

        It is called in the thread that writes, which holds the lock of writing meanwhile: it must
        be quick, raise nothing, and change nothing here. Readers may see the snapshot before it
        does. Rows are new after :meth:`upsert`, and all of them after a compaction.

        Returns
        -------
        stop : callable
            Ends it.
        """
        with self._writing.get():
            self._watchers = (*self._watchers, watcher)

        def stop() -> None:
            with self._writing.get():
                self._watchers = tuple(w for w in self._watchers if w is not watcher)

        return stop

    def upsert(self, items: Items, vectors: NDArray[Any]) -> int:
        """Add items; one whose id is there already replaces the old one, vector and all.

        Parameters
        ----------
        items : Items of the catalogue's schema
        vectors : (n, dim) float32 or float16

        Returns
        -------
        sequence : int
            Number of this change; without items nothing changes.
        """
        with self._writing.get():
            now = self._snapshot
            checked = check_vectors(vectors, len(items), dim=now.dim, dtype=now.vectors.dtype)
            _check_schema(items, now)
            if not len(items):
                return now.sequence
            if now.rows + len(items) > MAX_ROWS:
                raise LimitExceeded(f"a catalogue has at most {MAX_ROWS} rows: compact it")
            sequence = self._put(_extended(now, items, checked))
            for watcher in self._watchers:
                watcher(self._snapshot)
            return sequence

    def update(self, identifier: str, /, **attributes: object) -> int:
        """Change attributes of an item; its vector stays.

        A new ``stock`` sets a boolean ``in_stock`` too, unless that is given as well.

        Raises
        ------
        UnknownAttribute
            The catalogue lacks an attribute.
        InvalidInput
            There is no such item, nothing to change, or a value of the wrong kind.
        """
        with self._writing.get():
            now = self._snapshot
            rows, _ = now.rows_of([identifier])
            if not rows.size:
                raise InvalidInput(f"no item {identifier!r} to update; upsert it first")
            given = {name: [value] for name, value in attributes.items()}
            changes = _checked(now.schema, [identifier], given)
            return self._put(_updated(now, rows, changes))

    def update_many(
        self, ids: Sequence[str], columns: Mapping[str, Sequence[Any] | NDArray[Any]]
    ) -> tuple[int, int]:
        """Change attributes of many items, in one change.

        Parameters
        ----------
        ids : sequence of m str
            Where one stands more than once, its last values count.
        columns : mapping of str to (m,) sequence or array
            The new values of some attributes, one an id. A new ``stock`` sets ``in_stock`` too,
            unless that is given as well.

        Returns
        -------
        sequence : int
            Number of this change; if no item is known nothing changes.
        unknown : int
            How many of ``ids`` the catalogue does not have; their values are passed over.

        Raises
        ------
        UnknownAttribute
            The catalogue lacks an attribute.
        ShapeError
            Not one value an id.
        InvalidInput, ValueRangeError, LimitExceeded
            Nothing to change, or a value that does not fit its attribute; then nothing changes.
        """
        if isinstance(ids, str):
            raise InvalidInput(f"update_many wants a list of ids, got the str {ids!r}")
        ids = list(ids)
        for identifier in ids:
            if type(identifier) is not str:
                check_id(identifier)
        changes = _checked(self._snapshot.schema, ids, columns)
        with self._writing.get():
            now = self._snapshot
            rows = now.identifiers.find(ids, now.alive)
            known = np.flatnonzero(rows >= 0)
            if known.size < rows.size:
                changes = {name: _of(values, known) for name, values in changes.items()}
                rows = rows[known]
            if not rows.size:
                return now.sequence, len(ids)
            return self._put(_updated(now, rows, changes)), len(ids) - rows.size

    def delete(self, ids: Iterable[str]) -> tuple[int, int]:
        """Remove items.

        Returns
        -------
        sequence : int
            Number of this change; if no item is known nothing changes.
        unknown : int
            How many of ``ids``, each counted once, the catalogue does not have.
        """
        if isinstance(ids, str):
            raise InvalidInput(f"delete wants a list of ids, got the str {ids!r}")
        wanted = list(dict.fromkeys(map(check_id, ids)))
        with self._writing.get():
            now = self._snapshot
            rows, unknown = now.rows_of(wanted)
            if not rows.size:
                return now.sequence, unknown
            alive = now.alive.copy()
            bitmaps.put(alive, rows, bit=False)
            return self._put(replace(now, alive=alive, sequence=now.sequence + 1)), unknown

    def compacted(self, order: NDArray[np.integer[Any]] | None = None) -> Catalog:
        """Return a new catalogue of the live items alone: rows renumbered, one segment.

        Parameters
        ----------
        order : (live,) int32, optional
            Every live row of :meth:`snapshot` once, in the order that the items shall have, such
            as list by list; as they are without it.

        Raises
        ------
        ValueRangeError
            No item is left, or ``order`` is not an order of the live rows.
        """
        return Catalog.at(self.snapshot().compacted(order))

    def write(self, writer: BundleWriter) -> None:
        """Add the newest version to a bundle.

        Every row keeps its number, so that an index of the rows stays good; dead rows are kept
        for that too. :meth:`compacted` drops them.
        """
        write_snapshot(self.snapshot(), writer)

    @classmethod
    def read(cls, bundle: Bundle) -> Catalog:
        """Open what :meth:`write` wrote, memory-mapped; what changes later stays in memory.

        Raises
        ------
        BundleError
            The bundle has no catalogue, or its arrays do not fit together.
        """
        return cls.at(read_snapshot(bundle))

    def _put(self, snapshot: Snapshot) -> int:
        self._snapshot = snapshot
        return snapshot.sequence


def _extended(now: Snapshot, items: Items, vectors: Originals) -> Snapshot:
    replaced, _ = now.rows_of(items.ids)
    columns: Mapping[str, Column] = {
        name: column.extended(items.columns[name]) for name, column in now.columns.items()
    }
    return replace(
        now,
        identifiers=now.identifiers.extended(items.ids),
        columns=columns,
        vectors=now.vectors.extended(vectors),
        alive=_alive(now, replaced, len(items)),
        sequence=now.sequence + 1,
    )


def _alive(now: Snapshot, replaced: NDArray[np.int32], added: int) -> Bitmap:
    rows = now.rows + added
    alive = np.zeros(bitmaps.size_bytes(rows), np.uint8)
    alive[: now.alive.size] = now.alive
    bitmaps.put(alive, replaced, bit=False)
    bitmaps.put(alive, np.arange(now.rows, rows), bit=True)
    return alive


def _checked(
    schema: Schema, ids: Sequence[str], given: Mapping[str, Sequence[Any] | NDArray[Any]]
) -> dict[str, ItemColumn]:
    """Return the new values of some attributes, one an id, as columns hold them."""
    if not given:
        raise InvalidInput("update: give at least one attribute")
    kinds = {attribute.name: attribute for attribute in schema}
    changes: dict[str, ItemColumn] = {}
    for name, values in given.items():
        if name not in kinds:
            raise UnknownAttribute(
                f"update: no attribute {name!r}; the catalogue has {', '.join(sorted(kinds))}"
            )
        changes[name] = check_column(kinds[name], values, ids, "update of")
    if Attribute("in_stock", "boolean") in schema and "stock" in changes:
        changes.setdefault("in_stock", in_stock(changes["stock"]))
    return changes


def _of(values: ItemColumn, places: NDArray[Any]) -> ItemColumn:
    if isinstance(values, np.ndarray):
        return values.take(places)
    return tuple(values[place] for place in places.tolist())


def _updated(now: Snapshot, rows: NDArray[np.int32], changes: Mapping[str, ItemColumn]) -> Snapshot:
    columns = dict(now.columns)
    for name, values in changes.items():
        columns[name] = columns[name].changed(rows, values)
    return replace(now, columns=columns, sequence=now.sequence + 1)


def _check_schema(items: Items, now: Snapshot) -> None:
    if set(items.schema) != set(now.schema):
        raise InvalidInput(
            f"items must have the catalogue's attributes {_listed(now.schema)}; "
            f"got {_listed(items.schema)}"
        )


def _listed(schema: Sequence[Any]) -> str:
    return ", ".join(sorted(f"{a.name} ({a.kind})" for a in schema))
