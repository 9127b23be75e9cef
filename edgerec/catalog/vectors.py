"""Vectors of the items: the originals, and int8 codes whose products order rows by the metric.

=======  ================================  ==============================================
metric   a row is scored by                so its codes have
=======  ================================  ==============================================
inner    <q, x>                            the scale of their quantisation
cosine   <q, x> / |x|                      that scale divided by |x|; 1 for a zero vector
l2       <q, x> - |x|^2 / 2, which orders  the scale of their quantisation, and an offset
         rows as -|q - x| does             -|x|^2 / 2 that is added to the product
=======  ================================  ==============================================

The originals decide among the rows that the codes put first. They may be kept as float32, as
float16, or not at all: then a row's vector is what its codes say, and scores are of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.versions import Tail, tail_like, taken
from edgerec.errors import InvalidInput, LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.quantize import quantize_rows
from edgerec.machine.pages import empty

__all__ = [
    "KEPT",
    "LARGEST",
    "METRICS",
    "Kept",
    "Metric",
    "Originals",
    "Segment",
    "Vectors",
    "check_kept",
    "check_metric",
    "check_vectors",
]

Metric = Literal["inner", "cosine", "l2"]
METRICS: tuple[Metric, ...] = ("inner", "cosine", "l2")
Kept = Literal["float32", "float16", "none"]
KEPT: tuple[Kept, ...] = ("float32", "float16", "none")

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
    vectors : (n, dim) float32 or float16, or None
        The originals, C-contiguous, where they are kept.
    codes : (n, dim) int8 in [-127, 127]
    scales : (n,) float32 > 0
        ``codes * scales`` is each vector to within half a scale; with the metric cosine each
        vector divided by its norm.
    offsets : (n,) float32, or None
        ``-|x|**2 / 2`` with the metric l2.
    """

    first_row: int
    vectors: Originals | None
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    offsets: NDArray[np.float32] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.scales)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.codes.shape[1])

    def take(self, rows: NDArray[np.integer[Any]] | slice) -> NDArray[np.float32]:
        """Return the vectors of some rows of this segment, (m, dim) float32.

        They are the originals, or what the codes say where these are not kept: that is within half
        a scale of them, and with the metric cosine of the originals divided by their norms.
        """
        if self.vectors is not None:
            return np.asarray(self.vectors[rows], np.float32)
        return self.decoded(rows)

    def decoded(self, rows: NDArray[np.integer[Any]] | slice) -> NDArray[np.float32]:
        """Return what the codes say of some rows of this segment, (m, dim) float32."""
        return _decoded(self.codes[rows], self.scales[rows])

    def part(self, start: int, stop: int) -> Segment:
        """Return the rows of this segment from ``start`` to ``stop``, as a segment."""
        rows = slice(start, stop)
        return Segment(
            self.first_row + start,
            None if self.vectors is None else self.vectors[rows],
            self.codes[rows],
            self.scales[rows],
            None if self.offsets is None else self.offsets[rows],
        )

    @classmethod
    def of(
        cls,
        vectors: Originals,
        first_row: int = 0,
        *,
        metric: Metric = "inner",
        keep: bool = True,
    ) -> Segment:
        """Quantise ``vectors``, which have passed :func:`check_vectors`; ``keep`` them too."""
        rows, kept = len(vectors), vectors if keep else None
        codes, scales = empty(vectors.shape, np.dtype(np.int8)), np.empty(rows, np.float32)
        squares = None if metric == "inner" else np.empty(rows, np.float64)
        for start in range(0, rows, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            x = np.ascontiguousarray(vectors[block], np.float32)
            quantize_rows(x, codes=codes[block], scales=scales[block])
            if squares is not None:
                squares[block] = _squared_norms(x)
        if squares is None:
            return cls(first_row, kept, codes, scales)
        if metric == "l2":
            return cls(first_row, kept, codes, scales, (squares / -2).astype(np.float32))
        norms = np.sqrt(np.where(squares > 0, squares, 1))
        return cls(first_row, kept, codes, (scales / norms).astype(np.float32))


def _decoded(codes: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = np.multiply(codes, scales[:, None], dtype=np.float32)
    return vectors


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
    originals : Tail, or None
        Of the rows that came later; None where originals are not kept.
    codes, scales : Tail
        Of the rows that came later.
    offsets : Tail, or None
        None unless the metric is l2.
    """

    metric: Metric
    base: Segment
    originals: Tail | None
    codes: Tail
    scales: Tail
    offsets: Tail | None

    @classmethod
    def of(cls, base: Segment, metric: Metric = "inner") -> Vectors:
        """Return the first version, on top of ``base``."""
        return cls(
            metric,
            base,
            _tail(base.vectors),
            tail_like(base.codes),
            tail_like(base.scales),
            _tail(base.offsets),
        )

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.base.dim

    @property
    def kept(self) -> Kept:
        """What the originals are kept as."""
        if self.base.vectors is None:
            return "none"
        return "float16" if self.base.vectors.dtype == np.float16 else "float32"

    def extended(self, vectors: Originals) -> Vectors:
        """Return a version with the vectors of new rows appended, checked for what is kept."""
        keep = self.originals is not None
        added = Segment.of(vectors, metric=self.metric, keep=keep)
        return Vectors(
            self.metric,
            self.base,
            _extended(self.originals, added.vectors),
            self.codes.extended(added.codes),
            self.scales.extended(added.scales),
            _extended(self.offsets, added.offsets),
        )

    def segments(self) -> tuple[Segment, ...]:
        """Return the base and, if anything was added, the rest."""
        if not self.scales.size:
            return (self.base,)
        added = Segment(
            self.base.rows,
            None if self.originals is None else self.originals.array,
            self.codes.array,
            self.scales.array,
            None if self.offsets is None else self.offsets.array,
        )
        return self.base, added

    def take(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return the vectors of ``rows``, (m, dim) float32; see :meth:`Segment.take`."""
        kept = _taken(self.base.vectors, self.originals, rows)
        if kept is not None:
            return np.asarray(kept, np.float32)
        codes = taken(self.base.codes, self.codes.array, rows)
        return _decoded(codes, taken(self.base.scales, self.scales.array, rows))

    def compacted(self, rows: NDArray[Any]) -> Vectors:
        """Return the first version of another catalogue, of ``rows`` in their order."""
        base = Segment(
            0,
            _taken(self.base.vectors, self.originals, rows),
            taken(self.base.codes, self.codes.array, rows),
            taken(self.base.scales, self.scales.array, rows),
            _taken(self.base.offsets, self.offsets, rows),
        )
        return Vectors.of(base, self.metric)


def _tail(array: NDArray[Any] | None) -> Tail | None:
    return None if array is None else tail_like(array)


def _extended(tail: Tail | None, rows: NDArray[Any] | None) -> Tail | None:
    return None if tail is None or rows is None else tail.extended(rows)


def _taken(base: NDArray[Any] | None, tail: Tail | None, rows: NDArray[Any]) -> Any:
    return None if base is None or tail is None else taken(base, tail.array, rows)


def check_metric(metric: object) -> Metric:
    """Return ``metric`` if it is one; InvalidInput if not."""
    for known in METRICS:
        if metric == known:
            return known
    raise InvalidInput(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")


def check_kept(originals: object) -> Kept:
    """Return ``originals`` if they can be kept so; InvalidInput if not."""
    for known in KEPT:
        if originals == known:
            return known
    raise InvalidInput(f"originals must be one of {', '.join(KEPT)}, got {originals!r}")


def check_vectors(
    vectors: object, rows: int, *, dim: int | None = None, kept: Kept | None = None
) -> Originals:
    """Return ``vectors`` C-contiguous and as they are kept, if they are what ``rows`` items need.

    Without ``kept``, and where originals are not kept, they stay of their dtype.

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
        checked = np.ascontiguousarray(
            vectors, vectors.dtype if kept in (None, "none") else np.dtype(kept)
        )
    largest = np.maximum(checked.max(axis=1), -checked.min(axis=1)).astype(np.float32)
    fits = largest <= LARGEST  # not so for NaN
    if not fits.all():
        raise ValueRangeError(
            f"vectors[{int(fits.argmin())}] holds NaN or a value beyond {checked.dtype} or "
            f"±{LARGEST:g}"
        )
    return checked
