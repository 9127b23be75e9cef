"""Retrieval in a catalogue that changes: the strategy, its index, and its upkeep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.bitmaps import Eligible
from edgerec.catalog.catalog import MAX_CHANGES, Catalog
from edgerec.catalog.compaction import Compaction
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import Segment
from edgerec.errors import BundleCorruptError, InvalidInput, ShapeError
from edgerec.machine.fork import PerProcess
from edgerec.retrieval.choosing import choose
from edgerec.retrieval.drift import Drift, drift
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.faiss_rows import FaissRows
from edgerec.retrieval.index import Hits, Index
from edgerec.retrieval.inverted import Placed
from edgerec.retrieval.listing import Listing
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.parts import read_index, write_index
from edgerec.retrieval.rescoring import Segments, after
from edgerec.retrieval.sketch import Sketches, SketchIndex
from edgerec.retrieval.strategy import ListSettings, Strategy, Target

__all__ = ["Retriever"]

SECTION = "retrieval"
PLACED_TOGETHER = 512  # rows; until there are so many they are scanned one by one


class Retriever:
    """Answers searches in any snapshot of one catalogue, from any number of threads.

    Parameters
    ----------
    catalog : Catalog
    strategy : Strategy
    index : Index
        What the strategy chose, over the newest snapshot.
    threads : int >= 1
        Threads that may share one search, as far as the process's budget allows.

    Raises
    ------
    ShapeError
        The index is not of the strategy's kind, or of another catalogue.
    """

    def __init__(
        self, catalog: Catalog, strategy: Strategy, index: Index, *, threads: int = 1
    ) -> None:
        self.catalog = catalog
        self.strategy = strategy
        self.threads = threads
        self._kept: dict[int, _Kept] = {}  # by generation; replaced, never changed
        self._last: tuple[_Kept, Segments, Index] | None = None  # that searches went over
        self._lock = PerProcess(threading.Lock)
        now = catalog.snapshot()
        _check(index, strategy, now)
        settings = strategy.settings
        residual = settings.residual if isinstance(settings, ListSettings) else 0.0
        self._keep(now, _Kept(index.over(now.segments), now.vectors.base, residual))
        catalog.watch(self._place)
        self._place(now)

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        target: Target | None = None,
        *,
        queries: NDArray[np.float32] | None = None,
        seed: int = 0,
        threads: int = 1,
        progress: Callable[[str], None] | None = None,
    ) -> Retriever:
        """Measure, choose and make an index; see :func:`edgerec.retrieval.choosing.choose`.

        Lists want the rows in their order, and FAISS wants live ones alone: the retriever's
        ``catalog`` may be another one then, of the same items. Where no item is left there is
        nothing to measure.
        """
        snapshot = catalog.snapshot()
        if not snapshot.live:
            return cls.exact(catalog, "no item is left to be found", threads=threads)
        choice = choose(snapshot, target or Target(), queries=queries, seed=seed, progress=progress)
        if choice.snapshot is not snapshot:
            catalog = Catalog.at(choice.snapshot)
        return cls(catalog, choice.strategy, choice.index, threads=threads)

    @classmethod
    def exact(cls, catalog: Catalog, reason: str, *, threads: int = 1) -> Retriever:
        """Return a retriever that scans, for a ``reason`` that nobody needs to measure."""
        now = catalog.snapshot()
        strategy = Strategy("exact", now.rows, now.dim, Target(), reason)
        return cls(catalog, strategy, ExactIndex(now.segments, now.metric), threads=threads)

    def search(
        self,
        snapshot: Snapshot,
        query: NDArray[np.float32],
        k: int,
        *,
        eligible: Eligible | None = None,
    ) -> Hits:
        """Return the best live rows of ``snapshot``.

        Parameters
        ----------
        snapshot : Snapshot
            Of this retriever's catalogue.
        query : (dim,) float32 in [-1e16, 1e16]
        k : int in [1, 10000]
        eligible : Eligible, optional
            From ``snapshot.eligible``; all live rows without it.

        Returns
        -------
        Hits
            ``min(k, eligible.count)`` rows.

        Raises
        ------
        ShapeError, ValueRangeError
            See :meth:`edgerec.retrieval.index.Index.search`.
        """
        eligible = snapshot.eligible() if eligible is None else eligible
        return self.index_for(snapshot, eligible).search(query, k, eligible=eligible)

    def search_many(
        self,
        snapshot: Snapshot,
        queries: NDArray[np.float32],
        k: int,
        *,
        eligible: Eligible | None = None,
    ) -> list[Hits]:
        """Return what :meth:`search` returns for each of ``queries``, (n, dim) float32."""
        eligible = snapshot.eligible() if eligible is None else eligible
        return self.index_for(snapshot, eligible).search_many(queries, k, eligible=eligible)

    def index_for(self, snapshot: Snapshot, eligible: Eligible) -> Index:
        """Return the index that answers a query with this filter.

        The exact scan answers where the filter leaves few rows, and snapshots that are older than
        the index or than the last two compactions, or that somebody else has compacted.
        """
        kept = self._kept_of(snapshot)
        if (
            kept is None
            or eligible.count < self.strategy.exact_below * snapshot.live
            or kept.index.indexed[0] > snapshot.rows
        ):
            return ExactIndex(snapshot.segments, snapshot.metric, self.threads)
        return self._over(kept, snapshot.segments)

    def compaction(self, *, retrain: bool = False, max_changes: int = MAX_CHANGES) -> Compaction:
        """Return a compaction of the catalogue that renews the index too: run it or start it.

        Parameters
        ----------
        retrain : bool
            Train the lists anew, as :meth:`drift` may advise; an index of FAISS always is. How far
            a search goes stays as it was measured.
        max_changes : int
            How many items that are changed meanwhile may wait to be changed again.
        """
        known = self._kept
        kept = self._kept_of(self.catalog.snapshot()) or known[max(known)]
        listing = None
        if isinstance(kept.index, ListIndex):
            listing = Listing(None if retrain else kept.index.lists.clusters)

        def prepare(fresh: Snapshot) -> None:
            self._keep(fresh, _renewed(kept, fresh, listing, retrain=retrain))

        order = None if listing is None else listing.order
        return Compaction(self.catalog, order=order, prepare=prepare, max_changes=max_changes)

    def drift(self) -> Drift | None:
        """Measure how far later rows stray from the lists; None where there are no lists."""
        snapshot = self.catalog.snapshot()
        kept = self._kept_of(snapshot)
        if kept is None or not isinstance(kept.index, ListIndex):
            return None
        lists = kept.index.lists
        placed = kept.index.placed or Placed.nothing(lists)
        return drift(lists, placed, snapshot, kept.residual)

    def write(self, writer: BundleWriter) -> None:
        """Add the strategy and the index to a bundle that has the catalogue's newest version.

        Raises
        ------
        InvalidInput
            The catalogue was compacted by somebody else: :meth:`compaction` renews the index too.
        """
        kept, strategy = self._kept_of(self.catalog.snapshot()), self.strategy
        if kept is None:
            raise InvalidInput("the catalogue was compacted without its index: compact that too")
        if isinstance(strategy.settings, ListSettings):
            settings = replace(strategy.settings, residual=kept.residual)
            strategy = replace(strategy, settings=settings)
        more = write_index(kept.index, writer)
        writer.set(SECTION, {**strategy.to_dict(), "index": more})

    @classmethod
    def read(cls, bundle: Bundle, catalog: Catalog, *, threads: int = 1) -> Retriever:
        """Open what :meth:`write` wrote, for the catalogue of the same bundle.

        Raises
        ------
        BundleCorruptError
            The strategy and the index do not fit together or to the catalogue.
        """
        section = bundle.section(SECTION)
        more = section.pop("index", {}) if isinstance(section, dict) else None
        if not isinstance(more, dict):
            raise BundleCorruptError(f"{SECTION}: it and its 'index' must be objects")
        strategy = Strategy.from_dict(section)
        try:
            index = read_index(bundle, strategy, more, catalog.snapshot())
            return cls(catalog, strategy, index, threads=threads)
        except ShapeError as error:
            raise BundleCorruptError(f"{SECTION}: {error}") from error

    def _over(self, kept: _Kept, segments: Segments) -> Index:
        """Return an index over these segments; many searches have the same, one after the other."""
        last = self._last
        if last is not None and last[0] is kept and last[1] is segments:
            return last[2]
        index = kept.index.over(segments, self.threads)
        self._last = kept, segments, index
        return index

    def _place(self, snapshot: Snapshot) -> None:
        """Place rows that came later, when there are enough of them; called by who writes."""
        kept = self._kept_of(snapshot)
        if kept is None or not isinstance(kept.index, ListIndex):
            return
        index = kept.index
        placed = index.placed or Placed.nothing(index.lists)
        if snapshot.rows - placed.stop_row < PLACED_TOGETHER:
            return
        for segment in after(snapshot.segments, placed.stop_row):
            placed = placed.extended(index.lists, segment)
        self._keep(snapshot, replace(kept, index=replace(index, placed=placed)))

    def _kept_of(self, snapshot: Snapshot) -> _Kept | None:
        """Return the index of a snapshot's rows; None after a compaction by somebody else.

        A compaction that fails leaves an index of rows that nobody ever sees, in the generation
        that the next one makes: the base must be the same too.
        """
        kept = self._kept.get(snapshot.generation)
        return kept if kept is not None and kept.base is snapshot.vectors.base else None

    def _keep(self, snapshot: Snapshot, kept: _Kept) -> None:
        """Answer from an index in the generation of ``snapshot``; forget all but the last two."""
        with self._lock.get():
            known = {**self._kept, snapshot.generation: kept}
            self._kept = {generation: known[generation] for generation in sorted(known)[-2:]}


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The index of one generation, whose snapshots share ``base``."""

    index: Index
    base: Segment
    residual: float = 0.0
    """See :class:`edgerec.retrieval.strategy.ListSettings`."""


def _renewed(kept: _Kept, fresh: Snapshot, listing: Listing | None, *, retrain: bool) -> _Kept:
    """Return the index of a compacted snapshot, like the one of the snapshot before."""
    index, segments = kept.index, fresh.segments
    if isinstance(index, ListIndex):
        assert listing is not None, "lists are compacted in their order"
        lists = listing.lists(fresh)
        router = replace(index.router, lists=lists)
        residual = lists.residual if retrain else kept.residual
        return _Kept(ListIndex(router, segments, index.probing), segments[0], residual)
    if isinstance(index, SketchIndex):
        sketches = Sketches.of(segments[0])
        return _Kept(replace(index, sketches=sketches, segments=segments), segments[0])
    if isinstance(index, FaissIndex):
        factory = index.faiss.factory.at_most(segments[0].rows)
        trained = FaissRows.of(segments[0], factory, metric=fresh.metric)
        return _Kept(replace(index, faiss=trained, segments=segments), segments[0])
    return _Kept(index.over(segments), segments[0])


def _check(index: Index, strategy: Strategy, snapshot: Snapshot) -> None:
    if index.kind != strategy.kind:
        raise ShapeError(f"strategy {strategy.kind!r} wants another index than {index.kind!r}")
    rows, dim = index.indexed
    if dim != snapshot.dim or rows > snapshot.rows:
        raise ShapeError(
            f"an index of {rows} rows and {dim} dimensions does not belong to a catalogue of "
            f"{snapshot.rows} rows and {snapshot.dim} dimensions"
        )
