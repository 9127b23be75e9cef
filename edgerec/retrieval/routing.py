"""Which lists a query should look into, the most promising first.

A list is judged by the product of the query with its centroid, and by how far its rows spread
around that: in a list that is wide a row may lie much nearer to the query than the centroid says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import Metric, Segment
from edgerec.errors import ShapeError
from edgerec.kernels.lists import ListSearch
from edgerec.kernels.scan import scan_int8
from edgerec.retrieval.clusters import Centroids
from edgerec.retrieval.index import MAX_FOUND, Query
from edgerec.retrieval.inverted import Lists
from edgerec.retrieval.rescoring import Coded

__all__ = ["Router", "norm_of"]

ListNumbers = NDArray[np.int32]
Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Router:
    """Ranks the lists of a catalogue.

    Parameters
    ----------
    lists : Lists
    metric : Metric
    optimism : float >= 0
        How much the spread of a list counts: about how many of its standard deviations the rows
        that are looked for lie from the centroid.
    """

    lists: Lists
    metric: Metric
    optimism: float

    @cached_property
    def _list_bonus(self) -> Scores:
        return self._bonus(self.lists.clusters.ranked, self.lists.spreads)

    @cached_property
    def _group_bonus(self) -> Scores:
        return self._bonus(self.lists.clusters.coarse, self.lists.group_spreads)

    def nearest(
        self, query: Coded, norm: float, groups: int, lists: int
    ) -> tuple[ListNumbers, Scores]:
        """Return the best ``lists`` lists of the best ``groups`` groups.

        Parameters
        ----------
        query : Coded
        norm : float > 0
            Its length; see :func:`norm_of`.
        groups, lists : int >= 1

        Returns
        -------
        numbers : (m,) int32
            Best first.
        products : (m,) float32
            Of the query with their centroids.
        """
        clusters = self.lists.clusters
        scale = query.scale if self.metric == "l2" else query.scale / norm
        ranges = None
        if groups < len(clusters.groups):
            coarse = clusters.coarse
            near, _ = scan_int8(
                query.codes, scale, coarse.codes, coarse.scales, groups, offsets=self._group_bonus
            )
            ranges = clusters.ranges[near]
        ranked = clusters.ranked
        numbers, scores = scan_int8(
            query.codes,
            scale,
            ranked.codes,
            ranked.scales,
            min(lists, MAX_FOUND),
            offsets=self._list_bonus,
            ranges=ranges,
        )
        return numbers, self._products(numbers, scores, norm)

    def core(self, base: Segment) -> ListSearch:
        """Return what searches the lists, whose rows are the first ones of ``base``.

        Raises
        ------
        ShapeError
            They are not.
        """
        lists, clusters, rows = self.lists, self.lists.clusters, self.lists.rows
        coarse, ranked = clusters.coarse, clusters.ranked
        if rows > base.rows or clusters.dim != base.codes.shape[1]:
            raise ShapeError(
                f"lists of {rows} rows and {clusters.dim} dimensions do not belong to a catalogue "
                f"of {base.rows} rows and {base.codes.shape[1]} dimensions"
            )
        base = base.part(0, rows)
        return ListSearch(
            (coarse.codes, coarse.scales, self._group_bonus),
            (ranked.packed, ranked.scales, self._list_bonus),
            clusters.ranges,
            lists.ranges,
            lists.sizes,
            (lists.bits, lists.factors),
            base.codes,
            base.scales,
            base.offsets,
            lists.rotation.signs,
            base.vectors,
            self.metric,
        )

    def _bonus(self, centroids: Centroids, spreads: Scores) -> Scores:
        """What is added to the product with a centroid (by the query's length, but for l2)."""
        bonus = np.float32(self.optimism) * spreads
        if self.metric != "l2":
            return bonus
        typical = np.sqrt(-2 * centroids.halves.mean(dtype=np.float64))
        return centroids.halves + np.float32(typical) * bonus

    def _products(self, numbers: ListNumbers, scores: Scores, norm: float | Scores) -> Scores:
        products = scores - self._list_bonus[numbers]
        if self.metric != "l2":
            products *= norm
        return products


def norm_of(query: Query) -> float:
    """Return the length of a query, 1 for one of zeros."""
    wide = query.astype(np.float64)
    return float(np.sqrt(wide @ wide)) or 1.0
