"""Drift: whether rows that came later still belong where the lists were laid out.

Centroids are trained once. Rows that come later are placed into the lists nearest to them, and if
they lie much further from these than the rows did that the centroids were trained on, then a search
has to look into more lists for the same recall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerec.catalog.snapshot import Snapshot
from edgerec.retrieval.inverted import Lists, Placed

__all__ = ["Drift", "drift"]

MAX_RATIO = 1.25  # of squared distances
LEAST_SHARE = 0.01  # of the rows: what is rarer hardly touches the recall
SAMPLE = 10_000


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the rows of a catalogue lie from the centroids of their lists.

    Parameters
    ----------
    trained : float
        Mean square of that when the centroids were trained.
    listed : float
        Of the rows that are in the lists now, which a compaction may have added.
    placed : float
        Of the rows that were placed since; ``listed`` where there are none.
    placed_share : float in [0, 1]
        Their share of all rows.
    """

    trained: float
    listed: float
    placed: float
    placed_share: float

    @property
    def ratio(self) -> float:
        """Mean square of all rows, as a multiple of what it was in training."""
        now = self.listed + self.placed_share * (self.placed - self.listed)
        return now / self.trained if self.trained else 1.0

    @property
    def placed_ratio(self) -> float:
        """That of the rows that were placed since."""
        return self.placed / self.trained if self.trained else 1.0

    @property
    def advice(self) -> str | None:
        """Why to train the lists anew; None where that would not pay."""
        if self.ratio > MAX_RATIO:
            return (
                f"the rows lie {self.ratio:.2f} times as far from the centroids as those that "
                "were trained on (squared): train the lists anew"
            )
        if self.placed_share >= LEAST_SHARE and self.placed_ratio > MAX_RATIO:
            return (
                f"{self.placed_share:.1%} of the rows came later, {self.placed_ratio:.2f} times as "
                "far from the centroids as those that were trained on (squared): train the lists "
                "anew"
            )
        return None


def drift(lists: Lists, placed: Placed, snapshot: Snapshot, trained: float) -> Drift:
    """Measure the drift of a snapshot.

    Parameters
    ----------
    lists : Lists
    placed : Placed
        Of rows of the snapshot; 10,000 of them are looked at.
    snapshot : Snapshot
    trained : float
        See :class:`Drift`.
    """
    listed = lists.residual
    count = placed.stop_row - placed.first_row
    if not count:
        return Drift(trained, listed, listed, 0.0)
    at = np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.int64))
    segment = snapshot.segments[-1]
    rows = at + placed.first_row - segment.first_row
    x = segment.decoded(rows)
    x -= lists.clusters.centroids[placed.places[at]]
    squares = np.einsum("ij,ij->i", x, x, dtype=np.float64)
    return Drift(trained, listed, float(squares.mean()), count / (count + lists.rows))
