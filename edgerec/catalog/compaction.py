"""Compaction: a catalogue without its dead rows, while it goes on to change and to be read.

Rows that are deleted or replaced stay, rows that came later lie apart from the base, and both make
every search a little slower. :class:`Compaction` writes the live items down anew, next to the old
ones; for that time the memory of both is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.catalog import MAX_CHANGES, Catalog
from edgerec.catalog.snapshot import Snapshot

__all__ = ["Compaction", "Wear", "wear"]

Order = Callable[[Snapshot], NDArray[np.integer[Any]]]

MAX_DEAD = 0.2  # share of the rows: a scan reads a quarter more than it has to
MAX_LATER = 0.2  # share of the rows: what an index does not know by heart


@dataclass(frozen=True, slots=True)
class Wear:
    """What changes have left of a snapshot's order.

    Parameters
    ----------
    rows, live : int
        Rows, and items among them.
    later : int
        Rows that came after the base.
    """

    rows: int
    live: int
    later: int

    @property
    def dead_share(self) -> float:
        """Share of the rows that are dead, 0 to 1."""
        return 1 - self.live / self.rows

    @property
    def later_share(self) -> float:
        """Share of the rows that came after the base, 0 to 1."""
        return self.later / self.rows

    @property
    def advice(self) -> str | None:
        """Why to compact now; None where it would not pay."""
        if not self.live:
            return None  # a catalogue of no items is none
        if self.dead_share > MAX_DEAD:
            return f"{self.dead_share:.0%} of the rows are dead: compact"
        if self.later_share > MAX_LATER:
            return f"{self.later_share:.0%} of the rows came after the base: compact"
        return None


def wear(snapshot: Snapshot) -> Wear:
    """Return the wear of a snapshot."""
    return Wear(snapshot.rows, snapshot.live, snapshot.rows - snapshot.vectors.base.rows)


class Compaction:
    """One compaction of a catalogue, in a thread of its own or in the caller's.

    The catalogue object stays; its snapshots are of the next ``generation`` from then on. Readers
    never wait; writers wait while the last few changes are made again.

    Parameters
    ----------
    catalog : Catalog
    order : callable, optional
        Given the old snapshot, returns the order that its live rows shall have; see
        :meth:`Snapshot.compacted`. As they are without it.
    prepare : callable, optional
        Given the compacted snapshot before anybody sees it, such as to make an index for it.
    max_changes : int
        How many items that are changed meanwhile may wait to be changed again.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        order: Order | None = None,
        prepare: Callable[[Snapshot], object] | None = None,
        max_changes: int = MAX_CHANGES,
    ) -> None:
        self._catalog = catalog
        self._order = order
        self._prepare = prepare
        self._max_changes = max_changes
        self._thread: threading.Thread | None = None
        self._result: Snapshot | BaseException | None = None

    def run(self) -> Snapshot:
        """Compact now, in this thread, and return the newest snapshot.

        Raises
        ------
        ValueRangeError
            No item is left, or the order is none.
        LimitExceeded
            Too many items were changed meanwhile: compact again when it is calmer.
        InvalidInput
            The catalogue is being compacted already.
        """
        return self._catalog.renew(self._build, max_changes=self._max_changes)

    def start(self) -> Compaction:
        """Begin in another thread, and return this; :meth:`wait` tells how it ended."""
        self._thread = threading.Thread(target=self._run, name="edgerec-compaction")
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def failure(self) -> BaseException | None:
        """What :meth:`wait` would raise; None while it runs, and where it went well."""
        return self._result if isinstance(self._result, BaseException) else None

    def wait(self) -> Snapshot:
        """Wait for the end, and return or raise what :meth:`run` would."""
        if self._thread is None:
            self.start()
        assert self._thread is not None
        self._thread.join()
        if isinstance(self._result, Snapshot):
            return self._result
        assert self._result is not None
        raise self._result

    def _run(self) -> None:
        try:
            self._result = self.run()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._result = error

    def _build(self, snapshot: Snapshot) -> Snapshot:
        fresh = snapshot.compacted(None if self._order is None else self._order(snapshot))
        if self._prepare is not None:
            self._prepare(fresh)
        return fresh
