"""Clusters of vectors, in groups: where a vector belongs, found in two steps.

Many small clusters part the rows more finely than few large ones, but comparing a query with tens
of thousands of centroids would cost more than it saves. So centroids are grouped around coarser
ones, and only the groups near a vector are looked into.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import LARGEST
from edgerec.errors import BundleCorruptError
from edgerec.kernels.quantize import quantize_rows
from edgerec.kernels.scan import scan_int8_many
from edgerec.retrieval.faiss import kmeans

__all__ = ["FARTHEST", "Centroids", "Clusters", "train_clusters"]

Vectors = NDArray[np.float32]

NEAR_GROUPS = 8  # looked into to place a vector: the nearest centroid is hardly ever elsewhere
BLOCK_ROWS = 4096
FARTHEST = 2 * LARGEST  # of a centroid, a mean of vectors: no score of one overflows
COARSE_SAMPLE = 256  # vectors a group, and
FINE_SAMPLE = 40  # vectors a cluster that k-means sees: more does not place centroids better


@dataclass(frozen=True, slots=True, eq=False)
class Centroids:
    """Centroids as rows of codes, ready to be scanned.

    Parameters
    ----------
    codes : (n, dim) int8
        In [-127, 127], or in [-7, 7] where :attr:`packed` is wanted.
    scales : (n,) float32
    halves : (n,) float32
        ``-|c|**2 / 2``: added to a product with x, it orders centroids by their distance to x.
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    halves: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Vectors) -> Centroids:
        """Quantise ``vectors`` (n, dim) to int8."""
        codes, scales = quantize_rows(np.ascontiguousarray(vectors))
        return cls(codes, scales, _halves(vectors))

    @classmethod
    def in_nibbles(cls, vectors: Vectors) -> Centroids:
        """Quantise ``vectors`` (n, dim) to four bits."""
        most = np.abs(vectors).max(axis=1)
        scales = np.where(most > 0, most / np.float32(7), np.float32(1)).astype(np.float32)
        scales = np.maximum(scales, np.finfo(np.float32).tiny)
        codes = np.rint(vectors / scales[:, None]).clip(-7, 7).astype(np.int8)
        return cls(codes, scales, _halves(vectors))

    @property
    def packed(self) -> NDArray[np.uint8]:
        """Codes in [-7, 7], two a byte, (n, (dim + 1) // 2): as ``ListSearch`` wants them."""
        nibbles = (self.codes + np.int8(8)).view(np.uint8)
        half = (self.codes.shape[1] + 1) // 2
        bytes_ = nibbles[:, :half].copy()
        bytes_[:, : nibbles.shape[1] - half] |= nibbles[:, half:] << 4
        return bytes_


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centroids in groups.

    Parameters
    ----------
    groups : (g, dim) float32
        Coarse centroids.
    bounds : (g + 1,) int64
        Group i has the centroids ``bounds[i]`` to ``bounds[i + 1]``.
    centroids : (c, dim) float32

    Raises
    ------
    BundleCorruptError
        The arrays do not fit together.
    """

    groups: Vectors
    bounds: NDArray[np.int64]
    centroids: Vectors

    def __post_init__(self) -> None:
        for name in ("groups", "centroids"):
            array: Vectors = getattr(self, name)
            if array.dtype != np.float32 or array.ndim != 2 or not array.size:
                raise BundleCorruptError(
                    f"clusters: {name} must be (n, dim) float32, got {array.dtype} of shape "
                    f"{array.shape}"
                )
            if not (np.abs(array) <= FARTHEST).all():  # nor is NaN
                raise BundleCorruptError(f"clusters: {name} must lie within ±{FARTHEST:g}")
        if self.groups.shape[1] != self.centroids.shape[1]:
            raise BundleCorruptError("clusters: groups and centroids differ in length")
        check_bounds(self.bounds, len(self.groups), len(self.centroids), "clusters: bounds")

    def __len__(self) -> int:
        return len(self.centroids)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.centroids.shape[1])

    @cached_property
    def coarse(self) -> Centroids:
        """The groups, ready to be scanned."""
        return Centroids.of(self.groups)

    @cached_property
    def fine(self) -> Centroids:
        """The centroids, ready to place vectors exactly."""
        return Centroids.of(self.centroids)

    @cached_property
    def ranked(self) -> Centroids:
        """The centroids, ready to be ranked for a query: half the bytes, which is what it takes."""
        return Centroids.in_nibbles(self.centroids)

    @cached_property
    def ranges(self) -> NDArray[np.int64]:
        """First and last centroid (excluded) of each group, (g, 2)."""
        return np.stack([self.bounds[:-1], self.bounds[1:]], axis=1)

    def assign(self, codes: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the nearest cluster of each row, (n,) int32.

        Parameters
        ----------
        codes : (n, dim) int8
        scales : (n,) float32
        """
        found = np.empty(len(codes), np.int32)
        for start in range(0, len(codes), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            found[block] = self._assign(codes[block], scales[block])
        return found

    def _assign(self, codes: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.int32]:
        coarse, fine = self.coarse, self.fine
        groups, _, _ = scan_int8_many(
            codes, scales, coarse.codes, coarse.scales, NEAR_GROUPS, offsets=coarse.halves
        )
        near = groups.shape[1]
        order = np.argsort(groups, axis=None, kind="stable")
        offsets = np.searchsorted(groups.ravel()[order], np.arange(len(self.groups) + 1))
        nearest, _, _ = scan_int8_many(
            codes,
            scales,
            fine.codes,
            fine.scales,
            1,
            offsets=fine.halves,
            ranges=self.ranges,
            lookups=(offsets.astype(np.int64), (order // near).astype(np.int32)),
        )
        return nearest[:, 0]


def train_clusters(
    vectors: Vectors,
    count: int,
    *,
    seed: int = 0,
) -> Clusters:
    """Find clusters by k-means, in two steps: groups first, then the clusters of each group.

    Parameters
    ----------
    vectors : (n, dim) float32
        A sample of the rows; up to 40 a cluster are of use.
    count : int in [1, n]
        About how many clusters; a group gets its share by its size, at least one.
    seed : int
        Of the choice of vectors.
    """
    rng = np.random.default_rng(seed)
    n_groups = max(1, min(round(count**0.5), len(vectors)))
    groups = kmeans(_sample(vectors, n_groups * COARSE_SAMPLE, rng), n_groups, seed=seed)
    coarse = Clusters(groups, np.arange(n_groups + 1), groups)
    seen = _sample(vectors, count * FINE_SAMPLE, rng)
    place = coarse.assign(*quantize_rows(seen))
    centroids = []
    for group in range(n_groups):
        members = seen[place == group]
        share = max(1, min(round(count * len(members) / len(seen)), len(members)))
        centroids.append(
            kmeans(members, share, seed=seed) if len(members) else groups[group : group + 1]
        )
    bounds = np.zeros(n_groups + 1, np.int64)
    np.cumsum([len(part) for part in centroids], out=bounds[1:])
    return Clusters(groups, bounds, np.concatenate(centroids))


def _halves(vectors: Vectors) -> NDArray[np.float32]:
    squares: NDArray[np.float64] = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return (squares / -2).astype(np.float32)


def check_bounds(bounds: NDArray[np.int64], count: int, size: int, name: str) -> None:
    """Raise BundleCorruptError unless ``bounds`` cut ``size`` entries into ``count`` ranges."""
    if bounds.dtype != np.int64 or bounds.shape != (count + 1,):
        raise BundleCorruptError(
            f"{name} must be int64 of shape ({count + 1},), got {bounds.dtype} of shape "
            f"{bounds.shape}"
        )
    if bounds[0] != 0 or bounds[-1] != size or (bounds[1:] < bounds[:-1]).any():
        raise BundleCorruptError(f"{name} must ascend from 0 to {size}")


def _sample(vectors: Vectors, count: int, rng: np.random.Generator) -> Vectors:
    if len(vectors) <= count:
        return vectors
    return vectors[np.sort(rng.choice(len(vectors), count, replace=False))]
