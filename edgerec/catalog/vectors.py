"""Vectors of the items: the originals, and int8 codes with a scale a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.versions import Tail, tail_like
from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.quantize import quantize_rows

__all__ = ["LARGEST", "Segment", "Vectors", "check_vectors"]

MAX_DIM = 4096
LARGEST = 1e16  # the inner product of two vectors of such numbers is finite in float32
Originals = NDArray[np.float32] | NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Consecutive rows of vectors, never written once published.

    Parameters
    ----------
    first_row : int
        Row number of ``vectors[0]``.
    vectors : (n, dim) float32 or float16
        The originals, C-contiguous.
    codes : (n, dim) int8 in [-127, 127]
    scales : (n,) float32 > 0
        ``codes * scales`` is each vector to within half a scale.
    """

    first_row: int
    vectors: Originals
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.scales)

    @classmethod
    def of(cls, vectors: Originals, first_row: int = 0) -> Segment:
        """Quantise ``vectors``, which have passed :func:`check_vectors`."""
        codes, scales = quantize_rows(np.ascontiguousarray(vectors, np.float32))
        return cls(first_row, vectors, codes, scales)


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of all rows, as one version of the catalogue sees them."""

    base: Segment
    originals: Tail
    codes: Tail
    scales: Tail

    @classmethod
    def of(cls, base: Segment) -> Vectors:
        """Return the first version, on top of ``base``."""
        return cls(base, tail_like(base.vectors), tail_like(base.codes), tail_like(base.scales))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.base.vectors.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the originals are kept as, float32 or float16."""
        return self.base.vectors.dtype

    def extended(self, vectors: Originals) -> Vectors:
        """Return a version with the vectors of new rows appended, checked for this dtype."""
        added = Segment.of(vectors)
        return Vectors(
            self.base,
            self.originals.extended(added.vectors),
            self.codes.extended(added.codes),
            self.scales.extended(added.scales),
        )

    def segments(self) -> tuple[Segment, ...]:
        """Return the base and, if anything was added, the rest."""
        if not self.scales.size:
            return (self.base,)
        added = Segment(self.base.rows, self.originals.array, self.codes.array, self.scales.array)
        return self.base, added

    def take(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return the vectors of ``rows``, (m, dim) float32."""
        if not self.scales.size:
            return np.asarray(self.base.vectors[rows], np.float32)
        old = rows < self.base.rows
        taken = np.empty((rows.size, self.dim), np.float32)
        taken[old] = self.base.vectors[rows[old]]
        taken[~old] = self.originals.array[rows[~old] - self.base.rows]
        return taken


def check_vectors(
    vectors: object, rows: int, *, dim: int | None = None, dtype: Any = None
) -> Originals:
    """Return ``vectors`` C-contiguous and as ``dtype``, if they are what ``rows`` items need.

    Raises
    ------
    ShapeError
        Not a (rows, dim) array of float32 or float16.
    ValueRangeError
        NaN, a number beyond ±1e16, or too large for float16 where the originals are kept as that.
        One such vector would make searches fail that have nothing else to do with it.
    LimitExceeded
        dim above 4096.
    """
    if not isinstance(vectors, np.ndarray) or vectors.dtype not in (np.float32, np.float16):
        found = vectors.dtype if isinstance(vectors, np.ndarray) else type(vectors).__name__
        raise ShapeError(f"vectors must be an array of float32 or float16, got {found}")
    if vectors.ndim != 2 or len(vectors) != rows or vectors.shape[1] != (dim or vectors.shape[1]):
        raise ShapeError(
            f"vectors must have shape ({rows}, {dim or 'dim'}), a row an item, got {vectors.shape}"
        )
    if not 1 <= vectors.shape[1] <= MAX_DIM:
        raise LimitExceeded(f"vectors must have 1 to {MAX_DIM} dimensions, got {vectors.shape[1]}")
    with np.errstate(over="ignore"):  # becomes infinity, which is refused next
        kept = np.ascontiguousarray(vectors, dtype or vectors.dtype)
    largest = np.maximum(kept.max(axis=1), -kept.min(axis=1)).astype(np.float32)
    fits = largest <= LARGEST  # not so for NaN
    if not fits.all():
        raise ValueRangeError(
            f"vectors[{int(fits.argmin())}] holds NaN or a value beyond {kept.dtype} or "
            f"±{LARGEST:g}"
        )
    return kept
