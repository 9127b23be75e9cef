"""Search by sketches: one bit a dimension for all rows, int8 codes for the best of them.

A sketch holds the signs of a row's vector, centred and rotated at random, and a factor that makes
the products of sketches unbiased estimates of inner products. It needs no training, and reading it
costs an eighth of the codes.

Source: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
for Approximate Nearest Neighbor Search", SIGMOD 2024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap, Eligible
from edgerec.catalog.vectors import Metric, Segment
from edgerec.errors import BundleCorruptError
from edgerec.kernels.sketch import scan_sketches, scan_sketches_many, sketch_query, sketch_rows
from edgerec.machine.pool import in_parts, side_by_side
from edgerec.retrieval.exact import ExactIndex, scanned, scanned_many, shares
from edgerec.retrieval.index import (
    Hits,
    Kind,
    Queries,
    Query,
    check_search,
    check_search_many,
    shortlist_size,
)
from edgerec.retrieval.rescoring import (
    Rows,
    Segments,
    after,
    best_of,
    bytes_of_codes,
    coded,
    decided,
    rows_of_segments,
)
from edgerec.retrieval.rotation import Rotation

__all__ = ["PLANES", "SketchIndex", "Sketches", "check_sketches", "decoded", "sketch_bits"]

PLANES = 4  # bits of a query's coordinate: more cost time and tell the rows no better apart
BLOCK_ROWS = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Sketches:
    """Sketches of the first n rows of a catalogue.

    Parameters
    ----------
    rotation : Rotation
    centre : (dim,) float32
        Mean of the rows, taken off before the signs are.
    bits : (n, rotation.bits / 64) uint64
    factors : (n,) float32 >= 0

    Raises
    ------
    BundleCorruptError
        The arrays do not fit together.
    """

    rotation: Rotation
    centre: NDArray[np.float32]
    bits: NDArray[np.uint64]
    factors: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_sketches(self.rotation, self.bits, self.factors)
        if self.centre.dtype != np.float32 or self.centre.shape != (self.rotation.dim,):
            raise BundleCorruptError(
                f"centre must be float32 of shape ({self.rotation.dim},), got "
                f"{self.centre.dtype} of shape {self.centre.shape}"
            )

    @classmethod
    def of(cls, segment: Segment, *, seed: int = 0) -> Sketches:
        """Sketch the rows of a segment as their codes have them."""
        rows, dim = segment.codes.shape
        rotation = Rotation(dim, sketch_bits(dim), seed)
        centre = sum(x.sum(axis=0, dtype=np.float64) for _, x in decoded(segment)) / rows
        centre = np.asarray(centre, np.float32)
        bits = np.empty((rows, rotation.bits // 64), np.uint64)
        factors = np.empty(rows, np.float32)
        for block, x in decoded(segment):
            bits[block], factors[block] = sketch_rows(rotation.apply(x - centre))
        return cls(rotation, centre, bits, factors)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.factors.size


@dataclass(frozen=True, slots=True)
class SketchIndex:
    """Scans the sketches of all rows, then the codes of a shortlist, then the originals of a few.

    Parameters
    ----------
    sketches : Sketches
        Of the first rows of the segments; those that were added later are scanned by their codes.
    segments : tuple of Segment
        Of one snapshot, in row order.
    shortlist : int in [1, 30000]
        How many rows are looked at by their codes; at least three times k are.
    metric : Metric
        That of the snapshot.
    threads : int >= 1
        Threads that may share one call, as far as the process's budget allows.
    """

    sketches: Sketches
    segments: Segments
    shortlist: int
    metric: Metric = "inner"
    threads: int = 1
    kind: ClassVar[Kind] = "sketch"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return rows_of_segments(self.segments)

    @property
    def indexed(self) -> tuple[int, int]:
        """Rows that it was made for, and the length of a vector."""
        return self.sketches.rows, self.sketches.rotation.dim

    @property
    def hot_bytes(self) -> int:
        """Bytes of the sketches and of the codes."""
        sketches = self.sketches
        return sketches.bits.nbytes + sketches.factors.nbytes + bytes_of_codes(self.segments)

    def over(self, segments: Segments, threads: int = 1) -> SketchIndex:
        """Return this index over the segments of another snapshot of the same generation."""
        return replace(self, segments=segments, threads=threads)

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        query, k = check_search(query, k, eligible, dim=self.sketches.rotation.dim, rows=self.rows)
        wanted = shortlist_size(k)
        if eligible is not None and eligible.count <= max(wanted, self.shortlist):
            return self._exact().search(query, k, eligible=eligible)
        codes = coded(query)
        found = self._proposed(query, max(wanted, self.shortlist), eligible)
        newer = after(self.segments, self.sketches.rows)
        if newer:
            found = np.concatenate([found, scanned(newer, codes, wanted, eligible)])
        return decided(self.segments, self.metric, query, codes, found, k)

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return the best rows of each query, reading the sketches once for all of them."""
        dim = self.sketches.rotation.dim
        queries, k = check_search_many(queries, k, eligible, dim=dim, rows=self.rows)
        count = max(shortlist_size(k), self.shortlist)
        if eligible is not None and eligible.count <= count:
            return self._exact().search_many(queries, k, eligible=eligible)
        return in_parts(
            lambda start, stop: self._some(queries[start:stop], k, count, eligible),
            len(queries),
            self.threads,
        )

    def _some(self, queries: Queries, k: int, count: int, eligible: Eligible | None) -> list[Hits]:
        sketches = self.sketches
        planes, steps = sketched_queries(sketches.rotation.apply(queries))
        rows, _, sizes = scan_sketches_many(
            planes,
            steps,
            sketches.bits,
            sketches.factors,
            count,
            offsets=self._offsets(),
            eligible=self._bitmap(eligible),
        )
        found = [row[:size] for row, size in zip(rows, sizes.tolist(), strict=True)]
        newer = after(self.segments, sketches.rows)
        if newer:
            late = scanned_many(newer, queries, shortlist_size(k), eligible)
            found = [np.concatenate(pair) for pair in zip(found, late, strict=True)]
        return [
            decided(self.segments, self.metric, query, coded(query), rows, k)
            for query, rows in zip(queries, found, strict=True)
        ]

    def _proposed(self, query: Query, count: int, eligible: Eligible | None) -> Rows:
        """Return ``count`` rows of those that have sketches, fewer if fewer are eligible."""
        sketches = self.sketches
        planes, step = sketch_query(sketches.rotation.apply(query.reshape(1, -1))[0], PLANES)
        scan = partial(
            scan_sketches,
            planes,
            step,
            sketches.bits,
            sketches.factors,
            count,
            offsets=self._offsets(),
            eligible=self._bitmap(eligible),
        )
        work = [partial(scan, ranges=share) for share in shares(sketches.rows, self.threads)]
        return best_of(side_by_side(work), count)[0]

    def _offsets(self) -> NDArray[np.float32] | None:
        return self.segments[0].part(0, self.sketches.rows).offsets

    def _bitmap(self, eligible: Eligible | None) -> Bitmap | None:
        return None if eligible is None else eligible.narrowing(0, self.sketches.rows)

    def _exact(self) -> ExactIndex:
        return ExactIndex(self.segments, self.metric, self.threads)


def sketch_bits(dim: int) -> int:
    """Return the length of a sketch: a bit a dimension, in whole words, and never under 128."""
    return max(128, -(-dim // 64) * 64)


def sketched_queries(
    rotated: NDArray[np.float32],
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """Return the planes (q, PLANES, words) and steps (q,) of rotated queries."""
    planes = np.empty((len(rotated), PLANES, rotated.shape[1] // 64), np.uint64)
    steps = np.empty(len(rotated), np.float32)
    for place, query in enumerate(rotated):
        planes[place], steps[place] = sketch_query(query, PLANES)
    return planes, steps


def decoded(segment: Segment) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the vectors of a segment as its codes have them, block by block."""
    for start in range(0, segment.rows, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        yield block, segment.decoded(block)


def check_sketches(
    rotation: Rotation, bits: NDArray[np.uint64], factors: NDArray[np.float32]
) -> None:
    """Raise BundleCorruptError unless these are the sketches of some rows."""
    shape = (len(factors), rotation.bits // 64)
    if bits.dtype != np.uint64 or bits.shape != shape or not len(factors):
        raise BundleCorruptError(
            f"sketches must be uint64 of shape {shape}, got {bits.dtype} of shape {bits.shape}"
        )
    if factors.dtype != np.float32 or factors.ndim != 1:
        raise BundleCorruptError(f"factors must be (n,) float32, got {factors.dtype}")
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise BundleCorruptError("factors of sketches must be finite and at least 0")
