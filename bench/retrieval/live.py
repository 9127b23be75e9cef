"""Figure 6: searches while items come, go and change, beside searches when nothing does.

Quiet phases and phases of change take turns.  Searches come at a quarter of the rate at which two
threads are busy all the time; a search's latency counts from when it was due.  Everything happens
in one process, so that those who search also wait for the interpreter: how long a sleeping thread
is woken late tells how much.  Python hands it on after 5 ms, unless an application says otherwise;
edgerec recommends SWITCH_S where a catalogue changes under load, and the figures are of that.  One
more pair of phases shows what Python's own setting gives.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure
from bench.retrieval import generated
from bench.retrieval.feed import (
    DELETES,
    UPDATES,
    UPSERTS,
    Answer,
    Dictionary,
    Feed,
    items_of,
    judged,
)
from bench.retrieval.load import closed_loop, interpreter_waits, open_loop
from bench.retrieval.peer import Vectors
from bench.retrieval.run import Outcome, Run
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.compaction import Compaction
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target

__all__ = ["live"]

ROWS, QUERIES, FRESH = 1_000_000, 1000, 100_000
K, RECALL, THREADS, SHARE, GOAL = 10, 0.95, 2, 0.25, 1.5
SECONDS, PAIRS = 8.0, 3
SWITCH_S = 0.0005
ASKED_S = 0.05
"""A search is held against the dictionary this often."""
Us = NDArray[np.float64]


def live(run: Run, *, rows: int = ROWS, seconds: float = SECONDS, pairs: int = PAIRS) -> Outcome:
    """Measure a catalogue of ``rows`` items."""
    shop = _Shop(rows, run.rng())
    gc.collect()
    gc.freeze()
    phases = []
    with switching(SWITCH_S):
        full = closed_loop(shop.search, shop.queries, threads=THREADS, seconds=seconds)
        rate = SHARE * full
        for pair in range(pairs):
            phases.append(shop.phase("quiet", rate, seconds))
            compacted = pair == pairs // 2
            kind = "changes and a compaction" if compacted else "changes"
            phases.append(shop.phase(kind, rate, seconds))
    own = [shop.phase(kind, rate, seconds) for kind in ("quiet", "changes")]
    gc.unfreeze()
    figures = list(_figures(phases, shop.feed))
    note = f"Python's own switch interval, {sys.getswitchinterval():g} s, instead of {SWITCH_S:g} s"
    quiet, changing = _p99(own[:1]), _p99(own[1:])
    figures.append(
        Figure("live: p99 beside quiet, as Python comes", changing / quiet, "x", note=note)
    )
    faults, found = judged(shop.dictionary(), shop.feed.log, shop.answers, K)
    for fault, count in faults.items():
        note = f"of {len(shop.answers)} answers held against a dictionary"
        figures.append(Figure(f"live: {fault}", count, "", "==", 0, note))
    figures.append(Figure(f"live: recall@{K} while it changes", found))
    details = {
        "index": shop.retriever.strategy.reason,
        "full_load": full,
        "asked": rate,
        "compaction_s": shop.compaction_s,
        "switch_interval_s": SWITCH_S,
        "phases": [_record(phase) for phase in phases],
        "phases_as_python_comes": [_record(phase) for phase in own],
    }
    return Outcome(figures, details)


class _Shop:
    """A catalogue, its retriever, and a feed that changes it."""

    def __init__(self, rows: int, rng: np.random.Generator) -> None:
        settings = generated.Clustered(n=rows + FRESH, queries=QUERIES)
        vectors, self.queries = generated.clustered(**asdict(settings))
        self.initial, fresh = vectors[:rows], vectors[rows:]
        self.prices = rng.integers(100, 10_000, rows) / 100
        catalog = Catalog(items_of(range(rows), self.prices), self.initial)
        target = Target(K, RECALL, exact_enough_us=0.0)
        self.retriever = Retriever.build(catalog, target, queries=self.queries)
        self.catalog = self.retriever.catalog
        self.feed = Feed(self.catalog, rows, fresh, rng)
        self.answers: list[Answer] = []
        self.compaction_s = 0.0
        self._rng, self._rows = rng, rows

    def search(self, query: Vectors) -> tuple[str, ...]:
        """Answer as an engine does: from the newest snapshot, with ids."""
        now = self.catalog.snapshot()
        return now.ids(self.retriever.search(now, query, K).rows)

    def phase(self, kind: str, rate: float, seconds: float) -> tuple[str, Us, list[float]]:
        """Search for a while; the latencies, and how late a sleeping thread was woken."""
        compaction: Compaction | None = None

        def ended(due: float) -> bool:
            return due > seconds and (compaction is None or not compaction.running)

        if kind != "quiet":
            self.feed.draw(2 * seconds)
        with ExitStack() as stack:
            late = stack.enter_context(interpreter_waits())
            if kind != "quiet":
                stack.enter_context(self.feed.running())
                stack.enter_context(self._watched())
            if "compaction" in kind:
                compaction = self.retriever.compaction().start()
            start = time.perf_counter()
            load = partial(open_loop, self.search, self.queries, rate=rate, threads=THREADS)
            us = load(rng=self._rng.spawn(1)[0], ended=ended)
            if compaction is not None:
                compaction.wait()
                self.compaction_s = time.perf_counter() - start
        return kind, us, list(late)

    def dictionary(self) -> Dictionary:
        """Return what the items were before any change."""
        return Dictionary(self.initial, self.prices, self.feed.items - self._rows)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Ask in another thread now and then, for new items and otherwise, and keep the answers."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(ASKED_S):
                self.answers.append(self._asked(len(self.answers)))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _asked(self, turn: int) -> Answer:
        latest, known = self.feed.latest, self.feed.sequence
        wanted, query = None, self.queries[turn % len(self.queries)]
        if turn % 2 and latest is not None:
            wanted, query = latest
        now = self.catalog.snapshot()
        hits = self.retriever.search(now, query, K)
        numbers = [int(name[1:]) for name in now.ids(hits.rows)]
        prices = now.take("price", hits.rows)
        return Answer(known, now.sequence, query, numbers, hits.scores, prices, wanted)


@contextmanager
def switching(interval: float) -> Iterator[None]:
    """Hand the interpreter on after so many seconds, where another thread waits for it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


Phase = tuple[str, Us, list[float]]


def _p99(phases: list[Phase]) -> float:
    return float(np.percentile(np.concatenate([us for _, us, _ in phases]), 99))


def _record(phase: Phase) -> dict[str, Any]:
    kind, us, late = phase
    return {
        "kind": kind,
        "searches": us.size,
        "median_us": float(np.median(us)),
        "p99_us": float(np.percentile(us, 99)),
        "woken_late_median_us": float(np.median(late)),
        "woken_late_p99_us": float(np.percentile(late, 99)),
    }


def _figures(phases: list[Phase], feed: Feed) -> Iterator[Figure]:
    quiet = [phase for phase in phases if phase[0] == "quiet"]
    changing = [phase for phase in phases if phase[0] != "quiet"]
    calm = _p99(quiet)
    note = f"{_p99(changing):.4g} us, quiet {calm:.4g} us"
    yield Figure("live: p99 beside quiet", _p99(changing) / calm, "x", "<=", GOAL, note)
    for kind in dict.fromkeys(kind for kind, _, _ in changing):
        some = [phase for phase in changing if phase[0] == kind]
        yield Figure(f"live: p99 beside quiet, {kind}", _p99(some) / calm, "x")
    yield Figure("live: p99 beside the first quiet phase", _p99(changing) / _p99(quiet[:1]), "x")
    for kind, some in ("quiet", quiet), ("changes", changing):
        late = np.concatenate([late for _, _, late in some])
        note = f"median {np.median(late):.3g} us"
        p99 = float(np.percentile(late, 99))
        yield Figure(f"live: a sleeping thread is woken late, {kind}", p99, "us", note=note)
    kept = feed.changed / feed.seconds
    for what, rate in ("upserts", UPSERTS), ("deletes", DELETES), ("updates", UPDATES):
        yield Figure(f"live: {what} a second", rate * kept, "", ">=", 0.99 * rate)
    busy = feed.busy_s / feed.seconds
    yield Figure("live: the writer's share of a core", busy)
