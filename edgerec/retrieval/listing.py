"""A catalogue put in the order of its lists, when it is built and whenever it is compacted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import rows_of
from edgerec.catalog.snapshot import Snapshot
from edgerec.retrieval.clusters import COARSE_SAMPLE, FINE_SAMPLE, Clusters, train_clusters
from edgerec.retrieval.inverted import Lists

__all__ = ["Listing"]

ROWS_A_LIST = 64
MAX_LISTS = 250_000  # a search has 50 bytes of scratch for each


class Listing:
    """Sorts the rows of one snapshot into lists; used once.

    Parameters
    ----------
    clusters : Clusters, optional
        Those of an older snapshot; without them new ones are trained.
    seed : int
        Of the training and of the sketches.
    """

    def __init__(self, clusters: Clusters | None = None, *, seed: int = 0) -> None:
        self._clusters = clusters
        self._seed = seed
        self._placed: NDArray[np.int32] | None = None

    def order(self, snapshot: Snapshot) -> NDArray[np.int32]:
        """Return the live rows list by list: what :meth:`Snapshot.compacted` takes, if any."""
        rows = rows_of(snapshot.alive)
        if not rows.size:
            return rows
        if self._clusters is None:
            self._clusters = trained(snapshot, seed=self._seed)
        places = np.concatenate(
            [self._clusters.assign(s.codes, s.scales) for s in snapshot.segments]
        )
        order = np.argsort(places[rows], kind="stable")
        self._placed = places[rows][order]
        return rows[order]

    def lists(self, snapshot: Snapshot) -> Lists:
        """Return the lists of ``snapshot``, which is the other one compacted in that order."""
        assert self._clusters is not None, "order the rows first"
        assert self._placed is not None
        return Lists.of(self._clusters, self._placed, snapshot.segments[0], seed=self._seed)


def trained(snapshot: Snapshot, *, seed: int = 0) -> Clusters:
    """Find clusters of the live rows, about one for 64 of them."""
    rows = rows_of(snapshot.alive)
    count = max(1, min(rows.size // ROWS_A_LIST, MAX_LISTS))
    seen = max(FINE_SAMPLE * count, COARSE_SAMPLE * round(count**0.5))
    if rows.size > seen:
        rows = np.sort(np.random.default_rng(seed).choice(rows, seen, replace=False))
    return train_clusters(_decoded(snapshot, rows), count, seed=seed)


def _decoded(snapshot: Snapshot, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return ascending ``rows`` as their codes have them, (m, dim) float32."""
    parts = []
    for segment in snapshot.segments:
        bounds = np.searchsorted(rows, [segment.first_row, segment.first_row + segment.rows])
        at = rows[slice(*bounds)] - segment.first_row
        parts.append(segment.decoded(at))
    return np.concatenate(parts)
