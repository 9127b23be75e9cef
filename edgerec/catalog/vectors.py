"""Vectors of the items: the originals, and int8 codes whose products order rows by the metric.

=======  ================================  ==============================================
metric   a row is scored by                so its codes have
=======  ================================  ==============================================
inner    <q, x>                            the scale of their quantisation
cosine   <q, x> / |x|                      that scale divided by |x|; 1 for a zero vector
l2       <q, x> - |x|^2 / 2, which orders  the scale of their quantisation, and an offset
         rows as -|q - x| does             -|x|^2 / 2 that is added to the product
=======  ================================  ==============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.versions import Tail, tail_like, taken
from edgerec.errors import InvalidInput, LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.quantize import quantize_rows

__all__ = ["LARGEST", "METRICS", "Metric", "Segment", "Vectors", "check_metric", "check_vectors"]

Metric = Literal["inner", "cosine", "l2"]
METRICS: tuple[Metric, ...] = ("inner", "cosine", "l2")

MAX_DIM = 4096
BLOCK_ROWS = 16_384  # quantised together: a float32 copy of more would only fill memory
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
        ``codes * scales`` is each vector to within half a scale; with the metric cosine each
        vector divided by its norm.
    offsets : (n,) float32, or None
        ``-|x|**2 / 2`` with the metric l2.
    """

    first_row: int
    vectors: Originals
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    offsets: NDArray[np.float32] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.scales)

    @classmethod
    def of(cls, vectors: Originals, first_row: int = 0, *, metric: Metric = "inner") -> Segment:
        """Quantise ``vectors``, which have passed :func:`check_vectors`."""
        rows = len(vectors)
        codes, scales = np.empty(vectors.shape, np.int8), np.empty(rows, np.float32)
        squares = None if metric == "inner" else np.empty(rows, np.float64)
        for start in range(0, rows, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            x = np.ascontiguousarray(vectors[block], np.float32)
            quantize_rows(x, codes=codes[block], scales=scales[block])
            if squares is not None:
                squares[block] = _squared_norms(x)
        if squares is None:
            return cls(first_row, vectors, codes, scales)
        if metric == "l2":
            return cls(first_row, vectors, codes, scales, (squares / -2).astype(np.float32))
        norms = np.sqrt(np.where(squares > 0, squares, 1))
        return cls(first_row, vectors, codes, (scales / norms).astype(np.float32))


def _squared_norms(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ``|x|**2`` of each row; float64 neither overflows nor loses what is tiny."""
    wide = x.astype(np.float64)
    squares: NDArray[np.float64] = np.einsum("ij,ij->i", wide, wide)
    return squares


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of all rows, as one version of the catalogue sees them.

    Parameters
    ----------
    metric : Metric
    base : Segment
        Of that metric.
    originals, codes, scales : Tail
        Of the rows that came later.
    offsets : Tail, or None
        None unless the metric is l2.
    """

    metric: Metric
    base: Segment
    originals: Tail
    codes: Tail
    scales: Tail
    offsets: Tail | None

    @classmethod
    def of(cls, base: Segment, metric: Metric = "inner") -> Vectors:
        """Return the first version, on top of ``base``."""
        return cls(
            metric,
            base,
            tail_like(base.vectors),
            tail_like(base.codes),
            tail_like(base.scales),
            None if base.offsets is None else tail_like(base.offsets),
        )

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
        added = Segment.of(vectors, metric=self.metric)
        return Vectors(
            self.metric,
            self.base,
            self.originals.extended(added.vectors),
            self.codes.extended(added.codes),
            self.scales.extended(added.scales),
            None if self.offsets is None else self.offsets.extended(_present(added.offsets)),
        )

    def segments(self) -> tuple[Segment, ...]:
        """Return the base and, if anything was added, the rest."""
        if not self.scales.size:
            return (self.base,)
        offsets = None if self.offsets is None else self.offsets.array
        added = Segment(
            self.base.rows, self.originals.array, self.codes.array, self.scales.array, offsets
        )
        return self.base, added

    def take(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return the vectors of ``rows``, (m, dim) float32."""
        return np.asarray(taken(self.base.vectors, self.originals.array, rows), np.float32)

    def compacted(self, rows: NDArray[Any]) -> Vectors:
        """Return the first version of another catalogue, of ``rows`` in their order."""
        offsets = None
        if self.offsets is not None:
            offsets = taken(_present(self.base.offsets), self.offsets.array, rows)
        base = Segment(
            0,
            taken(self.base.vectors, self.originals.array, rows),
            taken(self.base.codes, self.codes.array, rows),
            taken(self.base.scales, self.scales.array, rows),
            offsets,
        )
        return Vectors.of(base, self.metric)


def _present(offsets: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert offsets is not None, "segments of the metric l2 have offsets"
    return offsets


def check_metric(metric: object) -> Metric:
    """Return ``metric`` if it is one; InvalidInput if not."""
    for known in METRICS:
        if metric == known:
            return known
    raise InvalidInput(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")


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
