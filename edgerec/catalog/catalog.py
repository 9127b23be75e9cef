"""The catalogue of a process: one writer at a time, any number of readers that never wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog import bitmaps
from edgerec.catalog.changes import Change, Delete, Update, Upsert, check_changes, check_ids
from edgerec.catalog.columns import column_of
from edgerec.catalog.identifiers import Identifiers
from edgerec.catalog.items import Items
from edgerec.catalog.log import ChangeLog
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.storage import read_snapshot, write_snapshot
from edgerec.catalog.vectors import (
    Kept,
    Metric,
    Segment,
    Vectors,
    check_kept,
    check_metric,
    check_vectors,
)
from edgerec.errors import InvalidInput, ValueRangeError
from edgerec.machine.fork import PerProcess

__all__ = ["Catalog"]

MAX_CHANGES = 2_000_000  # items that wait to be changed again, at about 100 bytes each
FEW = 256  # items that may be changed again while the writer waits: a fraction of a millisecond
ROUNDS = 100  # then the writer waits for the rest, however much it is
PAUSE_S = 0.0001  # at least, after a change that is made again, for those who search and write
Watcher = Callable[[Snapshot], object]


class _Writing:
    """The lock of those who write, and the log of what they do while the catalogue is renewed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.log: ChangeLog | None = None


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
        May be mapped from a file; they are not copied where they are kept as they come.
    metric : Metric
        What orders the rows of a search: ``inner`` product, ``cosine`` or ``l2`` distance.
    originals : {"float32", "float16", "none"}, optional
        What is kept of the vectors beside their int8 codes, to decide among the best rows and to
        score them; as they come without it. ``float16`` halves their memory. With ``none`` the
        codes decide alone: ``vectors_of`` and scores are of what the codes say then.

    Raises
    ------
    InvalidInput
        There is no such metric, or originals cannot be kept so.
    ValueRangeError
        There are no items, or a vector holds NaN or a number beyond ±1e16.
    ShapeError
        The vectors do not fit the items.
    """

    def __init__(
        self,
        items: Items,
        vectors: NDArray[Any],
        *,
        metric: Metric = "inner",
        originals: Kept | None = None,
    ) -> None:
        if not len(items):
            raise ValueRangeError("a catalogue needs at least one item, got none")
        metric, kept = check_metric(metric), None if originals is None else check_kept(originals)
        checked = check_vectors(vectors, len(items), kept=kept)
        base = Segment.of(checked, metric=metric, keep=kept != "none")
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
        self._writing = PerProcess(_Writing)  # a forked child must not inherit a held lock
        self._watchers: tuple[Watcher, ...] = ()

    def snapshot(self) -> Snapshot:
        """Return the newest version; it never changes."""
        return self._snapshot

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have every new snapshot with new rows shown to ``watcher``, in the order of the changes.

        It is called in the thread that writes, which holds the lock of writing meanwhile: it must
        be quick, raise nothing, and change nothing here. Readers may see the snapshot before it
        does. Rows are new after :meth:`upsert`, and all of them after :meth:`renew`.

        Returns
        -------
        stop : callable
            Ends it.
        """
        with self._writing.get().lock:
            self._watchers = (*self._watchers, watcher)

        def stop() -> None:
            with self._writing.get().lock:
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
        with self._writing.get().lock:
            upsert = Upsert.of(items, vectors, self._snapshot)
            return self._make(upsert, new_rows=True)[0]

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
        with self._writing.get().lock:
            now = self._snapshot
            if now.row(identifier) is None:
                raise InvalidInput(f"no item {identifier!r} to update; upsert it first")
            given = {name: [value] for name, value in attributes.items()}
            return self._make(Update([identifier], check_changes(now.schema, [identifier], given)))[
                0
            ]

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
        known = check_ids(ids, "update_many")
        update = Update(known, check_changes(self._snapshot.schema, known, columns))
        with self._writing.get().lock:
            return self._make(update)

    def delete(self, ids: Iterable[str]) -> tuple[int, int]:
        """Remove items.

        Returns
        -------
        sequence : int
            Number of this change; if no item is known nothing changes.
        unknown : int
            How many of ``ids``, each counted once, the catalogue does not have.
        """
        delete = Delete(list(dict.fromkeys(check_ids(ids, "delete"))))
        with self._writing.get().lock:
            return self._make(delete)

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

    def renew(
        self, build: Callable[[Snapshot], Snapshot], *, max_changes: int = MAX_CHANGES
    ) -> Snapshot:
        """Go on from what ``build`` makes of the newest snapshot, with the changes made meanwhile.

        Changes and searches go on while it is built, in this thread; then those changes are made
        again, the last few of them with the writer held back.

        Parameters
        ----------
        build : callable
            Returns a snapshot of the same items and the same ``sequence`` that shares nothing with
            the old one that a change would touch, such as :meth:`Snapshot.compacted`.
        max_changes : int
            How many items may wait to be changed again.

        Returns
        -------
        Snapshot
            The newest one, by now.

        Raises
        ------
        LimitExceeded
            More would. The catalogue stays as it is then, as it does where ``build`` raises.
        InvalidInput
            The catalogue is being renewed by somebody else.
        """
        writing = self._writing.get()
        with writing.lock:
            if writing.log is not None:
                raise InvalidInput("the catalogue is being renewed already: wait for that")
            now = self._snapshot
            log = writing.log = ChangeLog(now.sequence, max_changes)
        try:
            fresh = build(now)
            del now  # its readers alone keep it
            for _ in range(ROUNDS):
                missed = log.since(fresh.sequence)
                if sum(map(len, missed)) <= FEW:
                    break
                fresh = _replayed(fresh, missed, pausing=True)
            with writing.lock:
                self._put(_replayed(fresh, log.since(fresh.sequence)), new_rows=True)
                writing.log = None
                return self._snapshot
        finally:
            if writing.log is log:
                writing.log = None

    def _make(self, change: Change, *, new_rows: bool = False) -> tuple[int, int]:
        """Make a change, with the lock held; return its number and how many ids are unknown."""
        now, log = self._snapshot, self._writing.get().log
        after, unknown = change.applied(now)
        if after is not now:
            if log is not None:
                log.append(change)
            self._put(after, new_rows=new_rows)
        return after.sequence, unknown

    def _put(self, snapshot: Snapshot, *, new_rows: bool) -> None:
        self._snapshot = snapshot
        if new_rows:
            for watcher in self._watchers:
                watcher(snapshot)


def _replayed(snapshot: Snapshot, changes: Sequence[Change], *, pausing: bool = False) -> Snapshot:
    """Make changes again; ``pausing`` leaves the interpreter to others for half of the time.

    To change is to compute in Python: who does nothing else for seconds has every search wait for
    the interpreter, several milliseconds each time.
    """
    for change in changes:
        start = time.perf_counter()
        snapshot, _ = change.applied(snapshot)
        if pausing:
            time.sleep(max(PAUSE_S, time.perf_counter() - start))
    return snapshot
