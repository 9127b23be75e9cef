"""The choice of an index, by measuring.

The exact scan is measured first, and where it is quick enough nothing else is tried. Else sketches
and lists are made, and of the settings that should reach the recall (:mod:`tuning`) the fastest
that does on other queries is kept. The fastest of all is taken. Last, filters of falling
selectivity show from where on the exact scan answers a filtered query sooner, or better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import LimitExceeded
from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.faiss_rows import FaissRows
from edgerec.retrieval.faiss_tuning import FaissTuning
from edgerec.retrieval.index import Index, Kind, Queries, shortlist_size
from edgerec.retrieval.listing import Listing
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.sketch import Sketches, SketchIndex
from edgerec.retrieval.strategy import (
    FaissSettings,
    Filter,
    ListSettings,
    Measured,
    Settings,
    SketchSettings,
    Strategy,
    Target,
)
from edgerec.retrieval.trial import Trial, sample_queries
from edgerec.retrieval.tuning import probings, shortlist

__all__ = ["Choice", "choose"]

Progress = Callable[[str], None]
Candidate = tuple[Index, Settings, str]

SELECTIVITIES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
FILTERS: tuple[Filter, ...] = ("random", "clustered")
AIMS = (0.0, 0.2, 0.4, 0.6)  # of the misses that a target allows, those that are not counted on


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A strategy, and the index that it chose.

    Parameters
    ----------
    strategy : Strategy
    snapshot : Snapshot
        What the index is of: the one that was given, or one of the next generation: for lists
        with the rows in their order, for FAISS where there are dead or later rows.
    index : Index
    """

    strategy: Strategy
    snapshot: Snapshot
    index: Index


def choose(
    snapshot: Snapshot,
    target: Target,
    *,
    queries: Queries | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Measure and choose.

    Parameters
    ----------
    snapshot : Snapshot
    target : Target
    queries : (n, dim) float32, optional
        Query vectors such as will be asked, of which 512 are used; without them, mixtures of two
        items' vectors.
    seed : int
        Of the sample, of rotations and of clusters.
    progress : callable, optional
        Called with a line for each step.

    Raises
    ------
    LimitExceeded
        The codes alone take more than ``target.max_memory``.
    ShapeError, ValueRangeError
        The queries are such as no search takes.
    """
    return _Choosing(snapshot, target, queries, seed, progress or (lambda _line: None)).run()


@dataclass(slots=True, eq=False)
class _Attempt:
    """The best that was found of one kind."""

    index: Index
    settings: Settings
    snapshot: Snapshot
    trial: Trial
    measured: Measured


def _median(attempt: _Attempt) -> float:
    return attempt.measured.median_us


class _Choosing:
    """One choice, step by step."""

    def __init__(
        self,
        snapshot: Snapshot,
        target: Target,
        queries: Queries | None,
        seed: int,
        say: Progress,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._snapshot, self._target, self._seed, self._say = snapshot, target, seed, say
        self._queries = sample_queries(snapshot, queries, self._rng)
        self._trial = Trial(snapshot, target.k, self._queries, self._rng)
        self._evidence: list[Measured] = []
        self._remarks: list[str] = []

    def run(self) -> Choice:
        target, exact = self._target, self._trial.exact
        if not self._fits(exact.hot_bytes):
            raise LimitExceeded(
                f"the codes of {self._snapshot.rows} rows of {self._snapshot.dim} dimensions take "
                f"{exact.hot_bytes} bytes, max_memory is {target.max_memory}: allow more, or use "
                "vectors of fewer dimensions"
            )
        self._say(f"exact scan of {self._snapshot.rows} rows")
        (alone,) = self._measured(self._trial, [(exact, None, "")])
        if target.index == "exact":
            return self._exact("the exact scan was asked for")
        if target.index == "auto" and alone.median_us <= target.exact_enough_us:
            return self._exact(
                f"the exact scan takes {alone.median_us:.0f} us, within the "
                f"{target.exact_enough_us:.0f} us that need no index"
            )
        tried = self._sketches(), self._lists(), self._faiss()
        attempts = [found for found in tried if found is not None]
        if not attempts:
            return self._exact("; ".join(self._remarks))
        best = min(attempts, key=_median)
        return self._compared(best)

    def _compared(self, best: _Attempt) -> Choice:
        """Return ``best`` if it is faster than the exact scan, or was asked for."""
        _, scan = self._measured(
            best.trial,
            [(best.index, best.settings, best.measured.settings), (best.trial.exact, None, "")],
        )
        found = best.measured
        figures = (
            f"recall@{self._target.k} {found.recall:.3f} at {found.median_us:.0f} us with "
            f"{found.settings}, the exact scan {scan.median_us:.0f} us"
        )
        if self._target.index == "auto" and found.median_us >= scan.median_us:
            return self._exact(f"{found.kind}: {figures}")
        self._say("filters")
        return self._choice(best, f"{found.kind}: {figures}", self._exact_below(best))

    def _sketches(self) -> _Attempt | None:
        """Sketch the rows, and look for the shortlist that reaches the recall."""
        if not self._target.admits("sketch"):
            return None
        trial, snapshot = self._trial, self._snapshot
        self._say(f"sketches of {snapshot.rows} rows")
        sketches = Sketches.of(snapshot.segments[0], seed=self._seed)

        def candidates(recall: float) -> Iterator[Candidate]:
            base = snapshot.segments[0]
            found = shortlist(sketches, base, trial.tuning, trial.truth, recall)
            if found is not None:
                count = max(found, shortlist_size(trial.k))
                index = SketchIndex(sketches, snapshot.segments, count, snapshot.metric)
                yield index, SketchSettings(count), f"a shortlist of {count}"

        return self._best("sketch", snapshot, trial, candidates)

    def _lists(self) -> _Attempt | None:
        """Put the rows in lists, and look for the probing that reaches the recall soonest."""
        if not self._target.admits("lists"):
            return None
        self._say("training lists")
        listing = Listing(seed=self._seed)
        snapshot = self._snapshot.compacted(listing.order(self._snapshot))
        lists = listing.lists(snapshot)
        trial = Trial(snapshot, self._target.k, self._queries, self._rng)
        self._say(f"{len(lists)} lists of {lists.rows} rows")

        def candidates(recall: float) -> Iterator[Candidate]:
            base, metric = snapshot.segments[0], snapshot.metric
            for router, probing in probings(lists, base, metric, trial.tuning, trial.truth, recall):
                settings = ListSettings(probing, router.optimism, lists.residual)
                index = ListIndex(router, snapshot.segments, probing)
                yield index, settings, probing.words

        return self._best("lists", snapshot, trial, candidates)

    def _faiss(self) -> _Attempt | None:
        """Train the index that FAISS was asked for, and look for the effort that is enough."""
        factory, snapshot, trial = self._target.factory, self._snapshot, self._trial
        if factory is None:
            return None
        if len(snapshot.segments) > 1 or snapshot.live < snapshot.rows:
            snapshot = snapshot.compacted()
            trial = Trial(snapshot, self._target.k, self._queries, self._rng)
        self._say(f"{factory} in FAISS over {snapshot.rows} rows")
        rows = FaissRows.of(snapshot.segments[0], factory, metric=snapshot.metric, seed=self._seed)
        trained = FaissIndex(rows, snapshot.segments, 1)
        tuning = FaissTuning(trained, snapshot.eligible(), trial.tuning, trial.truth)

        def candidates(recall: float) -> Iterator[Candidate]:
            for index in tuning.candidates(recall):
                settings = FaissSettings(str(factory), index.effort, index.shortlist)
                yield index, settings, index.words

        return self._best("faiss", snapshot, trial, candidates)

    def _best(
        self,
        kind: Kind,
        snapshot: Snapshot,
        trial: Trial,
        candidates: Callable[[float], Iterator[Candidate]],
    ) -> _Attempt | None:
        """Measure candidates, and return the fastest that reaches the recall.

        Those that aim higher are slower: they are tried as long as something that falls short is
        faster than all that does not.
        """
        best: _Attempt | None = None
        for aim in AIMS:
            tried = list(candidates(self._target.recall + aim * (1 - self._target.recall)))
            tried = [one for one in tried if self._fits(one[0].hot_bytes)]
            if not tried:
                break
            attempts = [
                _Attempt(index, settings, snapshot, trial, measured)
                for (index, settings, _), measured in zip(
                    tried, self._measured(trial, tried), strict=True
                )
            ]
            fastest = min(attempts, key=_median)
            reached = [a for a in attempts if a.measured.reaches(self._target.recall)]
            best = min([*reached, *filter(None, [best])], key=_median, default=None)
            if best is not None and best.measured.median_us <= fastest.measured.median_us:
                break
        if best is not None:
            return best
        self._remarks.append(
            f"no {kind} within the memory reaches recall@{self._target.k} {self._target.recall}"
        )
        return None

    def _measured(self, trial: Trial, candidates: list[Candidate]) -> list[Measured]:
        found = trial.measure([(index, words) for index, _, words in candidates])
        self._evidence += found
        return found

    def _exact_below(self, best: _Attempt) -> float:
        """Return the least selectivity at which ``best`` was seen to win, whatever the filter."""
        below = 1.0
        for selectivity in SELECTIVITIES:
            for filtered in FILTERS:
                pair = [(best.index, best.measured.settings), (best.trial.exact, "")]
                found, scan = best.trial.measure(pair, filtered, selectivity)
                self._evidence += [found, scan]
                if not found.reaches(self._target.recall) or found.median_us >= scan.median_us:
                    return below
            below = selectivity
        return below

    def _fits(self, hot_bytes: int) -> bool:
        return self._target.max_memory is None or hot_bytes <= self._target.max_memory

    def _exact(self, reason: str) -> Choice:
        s, target = self._snapshot, self._target
        strategy = Strategy("exact", s.rows, s.dim, target, reason, evidence=tuple(self._evidence))
        return Choice(strategy, s, self._trial.exact)

    def _choice(self, best: _Attempt, reason: str, below: float) -> Choice:
        s = best.snapshot
        strategy = Strategy(
            best.measured.kind,
            s.rows,
            s.dim,
            self._target,
            reason,
            best.settings,
            below,
            tuple(self._evidence),
        )
        return Choice(strategy, s, best.index)
