"""Exact search: every eligible row by its int8 codes, then the originals of the best."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap, Eligible, rows_of
from edgerec.catalog.vectors import Metric, Segment
from edgerec.kernels.quantize import quantize_rows
from edgerec.kernels.scan import scan_int8, scan_int8_many
from edgerec.machine.pool import in_parts, parts, side_by_side
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
    Coded,
    Rows,
    Scored,
    Segments,
    best_of,
    bytes_of_codes,
    coded,
    rescored,
    rows_of_segments,
)

__all__ = ["ExactIndex", "scanned", "scanned_many", "shares"]

LEAST_ROWS = 16_384  # a thread's share is worth its start


@dataclass(frozen=True, slots=True)
class ExactIndex:
    """Scans all rows; what is returned is the truth but for codes that put a row out of 3 k.

    Parameters
    ----------
    segments : tuple of Segment
        Of one snapshot, in row order.
    metric : Metric
        That of the snapshot.
    threads : int >= 1
        Threads that may share one call, as far as the process's budget allows.
    """

    segments: Segments
    metric: Metric = "inner"
    threads: int = 1
    kind: ClassVar[Kind] = "exact"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return rows_of_segments(self.segments)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.segments[0].codes.shape[1])

    @property
    def indexed(self) -> tuple[int, int]:
        """No rows, since it needs nothing made, and the length of a vector."""
        return 0, self.dim

    @property
    def hot_bytes(self) -> int:
        """Bytes of the codes."""
        return bytes_of_codes(self.segments)

    def over(self, segments: Segments, threads: int = 1) -> ExactIndex:
        """Return this index over the segments of another snapshot."""
        return replace(self, segments=segments, threads=threads)

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        query, k = check_search(query, k, eligible, dim=self.dim, rows=self.rows)
        rows = scanned(self.segments, coded(query), shortlist_size(k), eligible, self.threads)
        return rescored(self.segments, self.metric, query, rows, k)

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return the best rows of each query, reading the codes once for up to 64 of them."""
        queries, k = check_search_many(queries, k, eligible, dim=self.dim, rows=self.rows)
        found = scanned_many(self.segments, queries, shortlist_size(k), eligible, self.threads)
        return [
            rescored(self.segments, self.metric, query, rows, k)
            for query, rows in zip(queries, found, strict=True)
        ]


def scanned(
    segments: Segments, query: Coded, count: int, eligible: Eligible | None, threads: int = 1
) -> Rows:
    """Return the ``count`` eligible rows with the best int8 scores, in no particular order.

    Of equal scores the lower row is taken. Where no more than ``count`` rows are eligible these
    are the result, and nothing is scanned. ``eligible`` may speak of more rows than the segments
    have, and of rows before them.
    """
    if eligible is not None and eligible.count <= count:
        return _all_of(segments, eligible)
    work = [
        partial(_scan, segment, query, count, _section(eligible, segment), share)
        for segment in segments
        for share in shares(segment.rows, threads)
    ]
    return best_of(side_by_side(work), count)[0]


def scanned_many(
    segments: Segments,
    queries: Queries,
    count: int,
    eligible: Eligible | None,
    threads: int = 1,
) -> list[Rows]:
    """Return for each query what :func:`scanned` returns."""
    if eligible is not None and eligible.count <= count:
        return [_all_of(segments, eligible)] * len(queries)
    codes, scales = quantize_rows(queries)
    return in_parts(
        lambda a, b: _scan_many(segments, codes[a:b], scales[a:b], count, eligible),
        len(queries),
        threads,
    )


def shares(rows: int, threads: int) -> list[NDArray[np.int64] | None]:
    """Return the ranges of rows that each thread scans; None for all rows."""
    if threads == 1:
        return [None]
    return [np.array([part], np.int64) for part in parts(rows, threads, least=LEAST_ROWS, align=64)]


def _all_of(segments: Segments, eligible: Eligible) -> Rows:
    rows = rows_of(eligible.bitmap)
    first = segments[0].first_row
    return rows[
        np.searchsorted(rows, first) : np.searchsorted(rows, first + rows_of_segments(segments))
    ]


def _section(eligible: Eligible | None, segment: Segment) -> Bitmap | None:
    if eligible is None:
        return None
    return eligible.narrowing(segment.first_row, segment.first_row + segment.rows)


def _scan(
    segment: Segment,
    query: Coded,
    count: int,
    eligible: Bitmap | None,
    ranges: NDArray[np.int64] | None,
) -> Scored:
    return scan_int8(
        query.codes,
        query.scale,
        segment.codes,
        segment.scales,
        count,
        offsets=segment.offsets,
        eligible=eligible,
        ranges=ranges,
        first_row=segment.first_row,
    )


def _scan_many(
    segments: Segments,
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    count: int,
    eligible: Eligible | None,
) -> list[Rows]:
    found: list[list[Scored]] = [[] for _ in codes]
    for segment in segments:
        rows, scores, sizes = scan_int8_many(
            codes,
            scales,
            segment.codes,
            segment.scales,
            count,
            offsets=segment.offsets,
            eligible=_section(eligible, segment),
            first_row=segment.first_row,
        )
        for place, size in enumerate(sizes.tolist()):
            found[place].append((rows[place, :size], scores[place, :size]))
    return [best_of(results, count)[0] for results in found]
