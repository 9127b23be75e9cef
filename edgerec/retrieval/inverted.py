"""Inverted lists: the rows of each cluster side by side, and sketches of their residuals.

The rows of a list are one range of rows of the catalogue, which is put in that order when it is
built or compacted. So codes, filters and originals are shared with the exact scan, and a list costs
no copy and no ids. Rows that are added later are placed into lists without a rebuild.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import Segment
from edgerec.errors import BundleCorruptError
from edgerec.kernels.sketch import sketch_rows
from edgerec.retrieval.clusters import FARTHEST, Clusters, check_bounds
from edgerec.retrieval.rotation import Rotation
from edgerec.retrieval.sketch import check_sketches, decoded, sketch_bits

__all__ = ["Lists", "Placed"]

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Lists:
    """The first n rows of a catalogue, list by list.

    Parameters
    ----------
    clusters : Clusters
        One a list.
    offsets : (lists + 1,) int64
        List i holds the rows ``offsets[i]`` to ``offsets[i + 1]``.
    spreads : (lists,) float32
        Root mean square of what a row of the list differs from its centroid, a dimension.
    group_spreads : (groups,) float32
        The same of a group's rows and its coarse centroid.
    rotation : Rotation
    bits : (n, rotation.bits / 64) uint64
        Sketch of each row less its centroid.
    factors : (n,) float32 >= 0

    Raises
    ------
    BundleCorruptError
        The arrays do not fit together.
    """

    clusters: Clusters
    offsets: NDArray[np.int64]
    spreads: NDArray[np.float32]
    group_spreads: NDArray[np.float32]
    rotation: Rotation
    bits: NDArray[np.uint64]
    factors: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_sketches(self.rotation, self.bits, self.factors)
        if self.rotation.dim != self.clusters.dim:
            raise BundleCorruptError("lists: clusters and rotation differ in length")
        check_bounds(self.offsets, len(self.clusters), self.rows, "lists: offsets")
        _check_spreads(self.spreads, len(self.clusters), "spreads")
        _check_spreads(self.group_spreads, len(self.clusters.groups), "group_spreads")

    @classmethod
    def of(cls, clusters: Clusters, placed: Rows, segment: Segment, *, seed: int = 0) -> Lists:
        """Make lists of a segment that starts at row 0 and is in their order.

        Parameters
        ----------
        clusters : Clusters
        placed : (n,) int32, ascending
            List of each row.
        segment : Segment
        seed : int
            Of the rotation.
        """
        rows, dim = segment.codes.shape
        rotation = Rotation(dim, sketch_bits(dim), seed)
        bits = np.empty((rows, rotation.bits // 64), np.uint64)
        factors = np.empty(rows, np.float32)
        squares, coarse = np.empty(rows), np.empty(rows)
        group_of = np.repeat(np.arange(len(clusters.groups)), np.diff(clusters.bounds))
        for block, x in decoded(segment):
            coarse[block] = _squared(x - clusters.groups[group_of[placed[block]]])
            x -= clusters.centroids[placed[block]]
            squares[block] = _squared(x)
            bits[block], factors[block] = sketch_rows(rotation.apply(x))
        return cls(
            clusters,
            np.searchsorted(placed, np.arange(len(clusters) + 1)).astype(np.int64),
            _spreads(squares, placed, len(clusters), dim),
            _spreads(coarse, group_of[placed], len(clusters.groups), dim),
            rotation,
            bits,
            factors,
        )

    def __len__(self) -> int:
        return len(self.clusters)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.factors.size

    @property
    def nbytes(self) -> int:
        """Bytes of the sketches, and of the clusters as they are searched."""
        coarse, ranked = self.clusters.coarse, self.clusters.ranked
        arrays: list[NDArray[Any]] = [
            self.bits,
            self.factors,
            self.offsets,
            self.spreads,
            self.group_spreads,
        ]
        for centroids in (coarse, ranked):
            arrays += [centroids.scales, centroids.halves]
        codes = coarse.codes.nbytes + ranked.packed.nbytes
        return codes + sum(array.nbytes for array in arrays)

    @property
    def residual(self) -> float:
        """Mean square of what a row differs from its centroid, over all dimensions."""
        squares = np.square(self.spreads, dtype=np.float64) * self.clusters.dim
        return float(squares @ self.sizes / self.rows)

    @cached_property
    def ranges(self) -> NDArray[np.int64]:
        """First and last row (excluded) of each list, (lists, 2)."""
        return np.stack([self.offsets[:-1], self.offsets[1:]], axis=1)

    @cached_property
    def sizes(self) -> NDArray[np.int32]:
        """Rows of each list."""
        return np.diff(self.offsets).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows that were added later, list by list; never changes.

    Parameters
    ----------
    first_row, stop_row : int
        The rows that are placed: ``first_row`` to ``stop_row``.
    order : (stop_row - first_row,) int32
        Rows, list by list.
    offsets : (lists + 1,) int64
        List i has ``order[offsets[i]:offsets[i + 1]]``.
    places : (stop_row - first_row,) int32
        List of each row, in the order of the rows.
    """

    first_row: int
    stop_row: int
    order: Rows
    offsets: NDArray[np.int64]
    places: Rows

    @classmethod
    def nothing(cls, lists: Lists) -> Placed:
        """Return what is placed at first."""
        nobody = np.empty(0, np.int32)
        offsets = np.zeros(len(lists) + 1, np.int64)
        return cls(lists.rows, lists.rows, nobody, offsets, nobody)

    def extended(self, lists: Lists, segment: Segment) -> Placed:
        """Return a version with the rows of ``segment``, which follow, placed too.

        The rows that are placed already stay in their order; those that come are put between them.
        """
        added = lists.clusters.assign(segment.codes, segment.scales)
        fresh = np.argsort(added, kind="stable")
        order = np.empty(self.order.size + added.size, np.int32)
        to = self.offsets[added[fresh] + 1] + np.arange(added.size)  # behind those of its list
        kept = np.ones(order.size, np.bool_)
        kept[to] = False
        order[to] = fresh + self.stop_row
        order[kept] = self.order
        offsets = self.offsets.copy()
        offsets[1:] += np.cumsum(np.bincount(added, minlength=len(lists)))
        return Placed(
            self.first_row,
            self.stop_row + added.size,
            order,
            offsets,
            np.concatenate([self.places, added]),
        )


def _squared(x: NDArray[np.float32]) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = np.einsum("ij,ij->i", x, x, dtype=np.float64)
    return squares


def _spreads(
    squares: NDArray[np.float64], places: NDArray[np.integer], count: int, dim: int
) -> NDArray[np.float32]:
    sums = np.bincount(places, weights=squares, minlength=count)
    rows = np.bincount(places, minlength=count)
    return np.sqrt(sums / np.maximum(rows, 1) / dim).astype(np.float32)


def _check_spreads(spreads: NDArray[np.float32], count: int, name: str) -> None:
    if spreads.dtype != np.float32 or spreads.shape != (count,):
        raise BundleCorruptError(
            f"lists: {name} must be float32 of shape ({count},), got {spreads.dtype} of shape "
            f"{spreads.shape}"
        )
    if not ((spreads >= 0) & (spreads <= 2 * FARTHEST)).all():
        raise BundleCorruptError(f"lists: {name} must lie in [0, {2 * FARTHEST:g}]")
