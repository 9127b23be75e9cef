"""Search with FAISS: an index of any allowed kind proposes rows, codes and originals decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import ClassVar

import numpy as np

from edgerec.catalog.bitmaps import Bitmap, Eligible, bits_at
from edgerec.catalog.vectors import Metric
from edgerec.kernels.bitmaps import count as count_bits
from edgerec.machine.pool import in_parts
from edgerec.retrieval.exact import ExactIndex, scanned
from edgerec.retrieval.faiss_rows import FaissRows
from edgerec.retrieval.index import (
    MAX_FOUND,
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
    bytes_of_codes,
    coded,
    decided,
    rows_of_segments,
)

__all__ = ["FaissIndex"]

GROWTH = 4


@dataclass(frozen=True, slots=True, eq=False)
class FaissIndex:
    """Searches the indexed rows through FAISS, and rows that were added later one by one.

    Under a filter it looks further, the fewer rows are eligible; where that were more rows than
    are eligible at all, or too few are found, the exact scan answers: k results come whenever k
    rows are eligible.

    Parameters
    ----------
    faiss : FaissRows
        Of the first rows of the segments.
    segments : tuple of Segment
        Of one snapshot, in row order.
    effort : int >= 1
        Lists to look into, or the length of the beam in a graph; codes without either need none.
    shortlist : int in [1, 30000]
        How many rows FAISS proposes; at least three times k.
    threads : int >= 1
        Threads that may share the queries of one call, as far as the process's budget allows.
    """

    faiss: FaissRows
    segments: Segments
    effort: int
    shortlist: int = 1
    threads: int = 1
    kind: ClassVar[Kind] = "faiss"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return rows_of_segments(self.segments)

    @property
    def metric(self) -> Metric:
        """That of the snapshot."""
        return self.faiss.metric

    @property
    def indexed(self) -> tuple[int, int]:
        """Rows that FAISS holds, and the length of a vector."""
        return self.faiss.rows, self.faiss.dim

    @property
    def hot_bytes(self) -> int:
        """Bytes of what FAISS holds of the rows, and of the codes."""
        return self.faiss.nbytes + bytes_of_codes(self.segments)

    @property
    def words(self) -> str:
        """What it is and how far it looks."""
        factory = self.faiss.factory
        looked = "lists" if factory.lists else "rows of a beam" if factory.links else ""
        effort = f", {self.effort} {looked}" if looked else ""
        return f"{factory}{effort}, a shortlist of {self.shortlist}"

    def over(self, segments: Segments, threads: int = 1) -> FaissIndex:
        """Return this index over the segments of another snapshot."""
        return replace(self, segments=segments, threads=threads)

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        query, k = check_search(query, k, eligible, dim=self.faiss.dim, rows=self.rows)
        return self._found(query, k, eligible)

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return the best rows of each query, one after the other on each thread."""
        queries, k = check_search_many(queries, k, eligible, dim=self.faiss.dim, rows=self.rows)
        return in_parts(
            lambda start, stop: [self._found(query, k, eligible) for query in queries[start:stop]],
            len(queries),
            self.threads,
        )

    def _found(self, query: Query, k: int, eligible: Eligible | None) -> Hits:
        enough = shortlist_size(k)
        found = self._proposed(query, enough, eligible)
        if found is None:
            exact = ExactIndex(self.segments, self.metric, self.threads)
            return exact.search(query, k, eligible=eligible)
        codes = coded(query)
        newer = after(self.segments, self.faiss.rows)
        if newer:
            found = np.concatenate([found, scanned(newer, codes, enough, eligible)])
        return decided(self.segments, self.metric, query, codes, found, k)

    def _proposed(self, query: Query, enough: int, eligible: Eligible | None) -> Rows | None:
        """Return rows of those indexed, None where the exact scan serves better."""
        rows = self.faiss.rows
        bitmap = None if eligible is None else eligible.narrowing(0, rows)
        wanted = min(max(enough, self.shortlist), MAX_FOUND, rows)
        enough = min(enough, rows)
        if bitmap is None:
            found = self.faiss.nearest(query, wanted, self.effort)
            if found.size >= enough:
                return found
            return self._selected(query, wanted, enough, None, rows)
        passing = count_bits(bitmap, rows)
        if passing <= wanted:
            return None
        if self.faiss.factory.selects:
            return self._selected(query, wanted, enough, bitmap, passing)
        return self._filtered(query, wanted, enough, bitmap, passing)

    def _selected(
        self, query: Query, wanted: int, enough: int, bitmap: Bitmap | None, passing: int
    ) -> Rows | None:
        """Let FAISS skip what is not eligible, looking as far as keeps the recall."""
        faiss = self.faiss
        if not (faiss.factory.lists or faiss.factory.links):
            return None  # our scan reads eligible rows alone, and is the quicker one
        effort = ceil(max(self.effort, 1) * faiss.rows / passing)
        while effort <= faiss.most_effort() and faiss.looked_at(effort) <= passing:
            found = faiss.nearest(query, wanted, effort, bitmap)
            if found.size >= enough:
                return found
            effort *= GROWTH
        return None

    def _filtered(
        self, query: Query, wanted: int, enough: int, bitmap: Bitmap, passing: int
    ) -> Rows | None:
        """Ask FAISS for so many rows that enough of them are eligible."""
        faiss = self.faiss
        count = ceil(wanted * faiss.rows / passing)
        while count <= min(MAX_FOUND, faiss.rows):
            found = faiss.nearest(query, count, self.effort)
            found = found[bits_at(bitmap, found)]
            if found.size >= min(wanted, max(enough, wanted // 2)):
                return found
            count *= GROWTH
        return None
