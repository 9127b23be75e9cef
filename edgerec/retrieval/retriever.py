"""Retrieval of a bundle: the strategy, its index, and the search that follows them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.bitmaps import Eligible
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import BundleCorruptError, ShapeError
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.faiss import FaissIndex, FaissLists
from edgerec.retrieval.faiss_lists import Lists
from edgerec.retrieval.index import Hits, Index
from edgerec.retrieval.strategy import Strategy, Target, choose

__all__ = ["Retriever"]

SECTION = "retrieval"
PARTS = ("centroids", "offsets", "rows", "codes", "ranges")


class Retriever:
    """Answers searches in any snapshot of one catalogue, from any number of threads.

    Parameters
    ----------
    catalog : Catalog
    strategy : Strategy
    index : FaissLists, optional
        What the strategy chose; None for the exact scan.

    Raises
    ------
    ShapeError
        The index is of another catalogue.
    """

    def __init__(
        self, catalog: Catalog, strategy: Strategy, index: FaissLists | None = None
    ) -> None:
        self.catalog = catalog
        self.strategy = strategy
        self.index = index
        now = catalog.snapshot()
        self._generation = now.generation  # after a compaction other rows carry the numbers
        if index is not None and (index.lists.dim != now.dim or index.rows > now.rows):
            raise ShapeError(
                f"an index of {index.rows} rows and {index.lists.dim} dimensions does not belong "
                f"to a catalogue of {now.rows} rows and {now.dim} dimensions"
            )
        if (strategy.kind == "ivf") != (index is not None):
            raise ShapeError(
                f"strategy {strategy.kind!r} wants {'an' if index is None else 'no'} index"
            )

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        target: Target | None = None,
        *,
        queries: NDArray[np.float32] | None = None,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> Retriever:
        """Measure, choose and train; see :func:`edgerec.retrieval.strategy.choose`."""
        strategy, index = choose(
            catalog.snapshot(),
            target or Target(),
            queries=queries,
            seed=seed,
            progress=progress,
        )
        return cls(catalog, strategy, index)

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

    def index_for(self, snapshot: Snapshot, eligible: Eligible) -> Index:
        """Return the index that answers a query with this filter."""
        exact = ExactIndex(snapshot.segments, snapshot.metric)
        if self.index is None or snapshot.generation != self._generation:
            return exact
        if self.index.rows > exact.rows:  # a snapshot from before the build
            return exact
        if eligible.selectivity < self.strategy.exact_below:
            return exact
        return FaissIndex(self.index, snapshot.segments, self.strategy.probes)

    def write(self, writer: BundleWriter) -> None:
        """Add the strategy and the index to a bundle that has the catalogue too."""
        writer.set(SECTION, self.strategy.to_dict())
        if self.index is not None:
            for part in PARTS:
                writer.add_array(f"{SECTION}/{part}", "index", getattr(self.index.lists, part))

    @classmethod
    def read(cls, bundle: Bundle, catalog: Catalog) -> Retriever:
        """Open what :meth:`write` wrote, for the catalogue of the same bundle.

        Raises
        ------
        BundleCorruptError
            The strategy and the index do not fit together or to the catalogue.
        """
        strategy = Strategy.from_dict(bundle.section(SECTION))
        index = None
        if strategy.kind == "ivf":
            arrays = {part: bundle.array(f"{SECTION}/{part}") for part in PARTS}
            index = FaissLists(Lists(**arrays))
        try:
            return cls(catalog, strategy, index)
        except ShapeError as error:
            raise BundleCorruptError(f"{SECTION}: {error}") from error
