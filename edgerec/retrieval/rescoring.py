"""From many rows to the best few: by int8 codes first, then by the original vectors.

All of this works on the segments of one snapshot: the base and, if rows were added later, those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import Metric, Segment
from edgerec.kernels.quantize import quantize_rows
from edgerec.kernels.rerank import cosines, inner_products, int8_products, squared_distances
from edgerec.kernels.topk import top_k
from edgerec.retrieval.index import Hits, Query, shortlist_size

__all__ = [
    "Coded",
    "Rows",
    "Scored",
    "Segments",
    "after",
    "best_of",
    "bytes_of_codes",
    "coded",
    "decided",
    "rescored",
    "rows_of_segments",
]

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Scored = tuple[Rows, Scores]
Segments = tuple[Segment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A query as int8 codes, (dim,) with their scale."""

    codes: NDArray[np.int8]
    scale: float


def coded(query: Query) -> Coded:
    """Quantise a query that was checked."""
    codes, scales = quantize_rows(query.reshape(1, -1))
    return Coded(codes[0], float(scales[0]))


def rows_of_segments(segments: Segments) -> int:
    """Return the number of rows of all segments."""
    last = segments[-1]
    return last.first_row + last.rows - segments[0].first_row


def bytes_of_codes(segments: Segments) -> int:
    """Return the bytes of the codes of all rows, with their scales and offsets."""
    return sum(
        s.codes.nbytes + s.scales.nbytes + (0 if s.offsets is None else s.offsets.nbytes)
        for s in segments
    )


def after(segments: Segments, row: int) -> Segments:
    """Return the segments from ``row`` on, cutting one in two where it must be."""
    if len(segments) == 2 and segments[1].first_row == row:
        return segments[1:]  # nearly always
    newer = []
    for segment in segments:
        skip = min(max(row - segment.first_row, 0), segment.rows)
        if skip < segment.rows:
            newer.append(segment.part(skip, segment.rows))
    return tuple(newer)


def rescored(segments: Segments, metric: Metric, query: Query, rows: Rows, k: int) -> Hits:
    """Return the best ``k`` of ``rows``, all different, by the vectors that are kept of them.

    Those are the originals, or what the codes say; see :meth:`Segment.take`.
    """
    rows = np.sort(rows)
    scores = _by_segment(segments, rows, lambda segment, at: _score(segment, metric, query, at))
    places, best = top_k(scores, min(k, max(rows.size, 1)))
    return Hits(rows[places], best)


def decided(
    segments: Segments, metric: Metric, query: Query, codes: Coded, rows: Rows, k: int
) -> Hits:
    """Return the best ``k`` of ``rows``, all different: by codes first, then :func:`rescored`."""
    return rescored(
        segments, metric, query, _best_by_codes(segments, codes, rows, shortlist_size(k)), k
    )


def best_of(found: list[Scored], count: int) -> Scored:
    """Return the best ``count`` of several results, of equal scores the lower row.

    Each result is ordered and speaks of later rows than the one before.
    """
    if len(found) == 1:
        return found[0]
    rows = np.concatenate([rows for rows, _ in found])
    scores = np.concatenate([scores for _, scores in found])
    places = np.argsort(-scores, kind="stable")[:count]
    return rows[places], scores[places]


def _best_by_codes(segments: Segments, query: Coded, rows: Rows, count: int) -> Rows:
    """Return the best ``count`` of ``rows``, all different, by their int8 codes."""
    if rows.size <= count:
        return rows
    rows = np.sort(rows)  # of equal scores, top_k keeps the first
    scores = _by_segment(segments, rows, lambda segment, at: _codes_score(segment, query, at))
    places, _ = top_k(scores, count)
    return rows[places]


def _by_segment(segments: Segments, rows: Rows, score: Callable[[Segment, Rows], Scores]) -> Scores:
    """Score ascending ``rows``, each with the segment that holds it."""
    if len(segments) == 1:
        first_row = segments[0].first_row
        return score(segments[0], rows - np.int32(first_row) if first_row else rows)
    ends = np.searchsorted(rows, [s.first_row + s.rows for s in segments]).tolist()
    parts = [
        score(segment, rows[start:stop] - np.int32(segment.first_row))
        for segment, start, stop in zip(segments, [0, *ends[:-1]], ends, strict=True)
        if start < stop
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _score(segment: Segment, metric: Metric, query: Query, rows: Rows) -> Scores:
    """Score rows of a segment by the vectors that are kept; never the query by its codes."""
    if segment.vectors is not None:
        return SCORES[metric](query, segment.vectors, rows)
    return SCORES[metric](query, segment.take(rows), np.arange(rows.size, dtype=np.int32))


def _codes_score(segment: Segment, query: Coded, rows: Rows) -> Scores:
    return int8_products(
        query.codes, query.scale, segment.codes, segment.scales, rows, offsets=segment.offsets
    )


def _nearness(query: Query, vectors: NDArray[np.float32], rows: Rows) -> Scores:
    """Squared distances, negated: the larger the nearer."""
    distances = squared_distances(query, vectors, rows)
    return np.negative(distances, out=distances)


SCORES: dict[Metric, Callable[..., Scores]] = {
    "inner": inner_products,
    "cosine": cosines,
    "l2": _nearness,
}
