"""Upkeep: a catalogue that changes is compacted when it is worth it, behind the searches."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from edgerec.catalog.compaction import Compaction, wear
from edgerec.catalog.snapshot import Snapshot
from edgerec.machine.fork import PerProcess
from edgerec.retrieval.retriever import Retriever

__all__ = ["Upkeep"]

logger = logging.getLogger(__name__)

PAUSE_S = 60.0  # after a compaction that failed, such as one that changes came too quickly for
LEAST_ROWS = 10_000  # fewer are scanned within 100 us whatever their wear


@dataclass(slots=True, eq=False)
class _Running:
    """What one process knows of its compactions."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    compaction: Compaction | None = None
    not_before: float = 0.0
    failure: str | None = None


class Upkeep:
    """Starts compactions of a retriever's catalogue; thread-safe.

    Parameters
    ----------
    retriever : Retriever
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._running = PerProcess(_Running, name="the upkeep of a catalogue")

    @property
    def advice(self) -> str | None:
        """Why to compact, or to train the lists anew; None where all is well."""
        worn = wear(self._retriever.catalog.snapshot()).advice
        if worn is not None:
            return worn
        drift = self._retriever.drift()
        return None if drift is None else drift.advice

    def check(self) -> None:
        """Start a compaction in the background if the catalogue is worn and none is running.

        Cheap enough to be called after every change. A compaction that fails leaves everything as
        it was, is logged, and is tried again a minute later.
        """
        snapshot = self._retriever.catalog.snapshot()
        if snapshot.rows < LEAST_ROWS or wear(snapshot).advice is None:
            return
        running = self._running.get()
        if not running.lock.acquire(blocking=False):
            return  # somebody else is looking
        try:
            if not self._busy(running) and time.monotonic() >= running.not_before:
                running.compaction = self._compaction().start()
        finally:
            running.lock.release()

    def compact(self) -> Snapshot:
        """Compact now, or wait for the compaction that is running, and return the result.

        Raises
        ------
        ValueRangeError
            No item is left.
        LimitExceeded
            Too many items were changed meanwhile.
        """
        running = self._running.get()
        with running.lock:
            if running.compaction is None or not running.compaction.running:
                running.compaction = self._compaction().start()
            compaction = running.compaction
        return compaction.wait()

    def info(self) -> dict[str, Any]:
        """What there is to know, JSON-ready: wear, drift, advice and the last failure."""
        snapshot = self._retriever.catalog.snapshot()
        worn, drift, running = wear(snapshot), self._retriever.drift(), self._running.get()
        return {
            "generation": snapshot.generation,
            "dead_share": round(worn.dead_share, 4),
            "later_share": round(worn.later_share, 4),
            "drift": None if drift is None else round(drift.ratio, 4),
            "advice": self.advice,
            "running": running.compaction is not None and running.compaction.running,
            "failure": running.failure,
        }

    def _compaction(self) -> Compaction:
        """Return a compaction, which trains the lists anew where they have drifted."""
        drift = self._retriever.drift()
        return self._retriever.compaction(retrain=drift is not None and drift.advice is not None)

    def _busy(self, running: _Running) -> bool:
        """Whether a compaction runs; one that has ended is asked how."""
        if running.compaction is None:
            return False
        if running.compaction.running:
            return True
        failure = running.compaction.failure
        running.compaction = None
        running.failure = None if failure is None else str(failure)
        if failure is not None:
            logger.warning("compaction failed and is tried again in %g s: %s", PAUSE_S, failure)
            running.not_before = time.monotonic() + PAUSE_S
        return False
