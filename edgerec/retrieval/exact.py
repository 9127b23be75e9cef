"""Exact search: every eligible row by its int8 codes, then the originals of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap, Eligible, put, rows_of, section
from edgerec.catalog.vectors import Segment
from edgerec.kernels.quantize import quantize_rows
from edgerec.kernels.rerank import inner_products
from edgerec.kernels.scan import scan_int8
from edgerec.kernels.topk import top_k
from edgerec.retrieval.index import (
    Hits,
    Query,
    check_eligible,
    check_k,
    check_query,
    shortlist_size,
)

__all__ = ["ExactIndex", "rescored", "scanned"]

Rows = NDArray[np.int32]
Scored = tuple[Rows, NDArray[np.float32]]

MAX_SCAN = 10_000  # as many as one scan gives


@dataclass(frozen=True, slots=True)
class ExactIndex:
    """Scans all rows; what is returned is the truth but for codes that put a row out of 3 k.

    Parameters
    ----------
    segments : tuple of Segment
        Of one snapshot, in row order.
    """

    segments: tuple[Segment, ...]
    kind: ClassVar[str] = "exact"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(segment.rows for segment in self.segments)

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        k = check_k(k)
        query = check_query(query, self.segments[0].vectors.shape[1])
        check_eligible(eligible, self.rows)
        rows = scanned(self.segments, query, shortlist_size(k), eligible)
        return rescored(self.segments, query, rows, k)


def scanned(
    segments: tuple[Segment, ...], query: Query, count: int, eligible: Eligible | None
) -> Rows:
    """Return the ``count`` eligible rows with the best int8 scores, in no particular order.

    Of equal scores the lower row is taken. Where no more than ``count`` rows are eligible these
    are the result, and nothing is scanned. ``eligible`` may speak of more rows than the segments
    have, and of rows before them.
    """
    first, last = segments[0].first_row, segments[-1].first_row + segments[-1].rows
    if eligible is not None and eligible.count <= count:
        rows = rows_of(eligible.bitmap)
        return rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)]
    if eligible is not None and eligible.count == eligible.rows:
        eligible = None
    codes, scales = quantize_rows(query.reshape(1, -1))
    found = [_scan(s, (codes[0], float(scales[0])), count, _section(eligible, s)) for s in segments]
    if len(found) == 1:
        return found[0][0]
    rows = np.concatenate([rows for rows, _ in found])
    scores = np.concatenate([scores for _, scores in found])
    return rows[np.argsort(-scores, kind="stable")[:count]]


def rescored(segments: tuple[Segment, ...], query: Query, rows: Rows, k: int) -> Hits:
    """Return the best ``k`` of ``rows``, all different, by the original vectors."""
    rows = np.sort(rows)  # of equal scores, top_k keeps the first
    ends = np.searchsorted(rows, [s.first_row + s.rows for s in segments])
    starts = [0, *ends[:-1]]
    products = [
        inner_products(query, s.vectors, rows[a:b] - np.int32(s.first_row))
        for s, a, b in zip(segments, starts, ends, strict=True)
    ]
    scores = products[0] if len(products) == 1 else np.concatenate(products)
    places, best = top_k(scores, k)
    return Hits(rows[places], best)


def _section(eligible: Eligible | None, segment: Segment) -> Bitmap | None:
    if eligible is None:
        return None
    return section(eligible.bitmap, segment.first_row, segment.first_row + segment.rows)


def _scan(
    segment: Segment, query: tuple[NDArray[np.int8], float], count: int, eligible: Bitmap | None
) -> Scored:
    """Scan one segment, in several rounds where one scan cannot give ``count`` rows."""
    now = min(count, MAX_SCAN)
    codes, scale = query
    rows, scores = scan_int8(
        codes,
        scale,
        segment.codes,
        segment.scales,
        now,
        eligible=eligible,
        first_row=segment.first_row,
    )
    if now == count or rows.size < now:
        return rows, scores
    rest = _all(segment.rows) if eligible is None else eligible.copy()
    put(rest, rows - np.int32(segment.first_row), bit=False)
    more_rows, more_scores = _scan(segment, query, count - now, rest)
    return np.concatenate([rows, more_rows]), np.concatenate([scores, more_scores])


def _all(rows: int) -> Bitmap:
    return np.packbits(np.ones(rows, np.bool_), bitorder="little")
