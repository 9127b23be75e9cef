"""Search in inverted lists: the most promising lists by sketches, then codes, then originals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from edgerec.catalog.bitmaps import Eligible
from edgerec.errors import ValueRangeError
from edgerec.kernels.later import LaterRows
from edgerec.kernels.lists import ListSearch
from edgerec.machine.pool import in_parts
from edgerec.retrieval.exact import ExactIndex
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
from edgerec.retrieval.inverted import Lists, Placed
from edgerec.retrieval.rescoring import Segments, after, bytes_of_codes, rows_of_segments
from edgerec.retrieval.routing import Router

__all__ = ["ListIndex", "Probing"]


@dataclass(frozen=True, slots=True)
class Probing:
    """How far a search in lists goes.

    Parameters
    ----------
    rows : int >= 1
        The best lists are looked into until the rows that they hold, and those of them that are
        eligible, have so large a geometric mean.
    groups : int >= 1
        Groups whose lists are scored.
    shortlist : int in [0, 30000]
        Rows that are looked at by their codes; 0 to look at all of them so, without sketches.
    k : int in [1, 10000]
        The number of results that this was measured for; for more, it goes further.
    """

    rows: int
    groups: int
    shortlist: int
    k: int

    def __post_init__(self) -> None:
        for name, least in (("rows", 1), ("groups", 1), ("shortlist", 0), ("k", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueRangeError(f"{name} must be an integer >= {least}, got {value!r}")
        if self.shortlist > MAX_FOUND:
            raise ValueRangeError(f"shortlist must be <= {MAX_FOUND}, got {self.shortlist}")

    @property
    def words(self) -> str:
        """How far that is."""
        return f"{self.rows} rows of lists, a shortlist of {self.shortlist}"

    def reaching(self, k: int) -> Probing:
        """Return how far a search for ``k`` results goes."""
        if k <= self.k:
            return self
        times = -(-k // self.k)
        shortlist = min(self.shortlist * times, MAX_FOUND)
        return Probing(self.rows * times, self.groups * times, shortlist, k)


@dataclass(frozen=True, slots=True, eq=False)
class ListIndex:
    """Looks into the lists nearest to the query, and at rows that were added later.

    Where those lists hold too few eligible rows to choose from, more lists are looked into, and if
    they are not enough the exact scan answers: k results come whenever k rows are eligible.

    Parameters
    ----------
    router : Router
        Of the lists of the first rows of the segments.
    segments : tuple of Segment
        Of one snapshot, in row order.
    probing : Probing
    placed : Placed, optional
        Rows that were added later and have been placed into the lists. Rows after these are
        looked at one by one.
    threads : int >= 1
        Threads that may share the queries of one call, as far as the process's budget allows.
    core : ListSearch, optional
        What ``router.core`` makes of the first segment; made now without it.
    """

    router: Router
    segments: Segments
    probing: Probing
    placed: Placed | None = None
    threads: int = 1
    core: ListSearch | None = None
    later: LaterRows | None = field(init=False)
    kind: ClassVar[Kind] = "lists"

    def __post_init__(self) -> None:
        if self.core is None:
            object.__setattr__(self, "core", self.router.core(self.segments[0]))
        object.__setattr__(self, "later", self._later())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return rows_of_segments(self.segments)

    @property
    def lists(self) -> Lists:
        """The lists."""
        return self.router.lists

    @property
    def indexed(self) -> tuple[int, int]:
        """Rows that it was made for, and the length of a vector."""
        return self.lists.rows, self.lists.rotation.dim

    @property
    def hot_bytes(self) -> int:
        """Bytes of the lists with their sketches, and of the codes."""
        return self.lists.nbytes + bytes_of_codes(self.segments)

    def over(self, segments: Segments, threads: int = 1) -> ListIndex:
        """Return this index over the segments of another snapshot of the same generation."""
        if segments is self.segments and threads == self.threads:
            return self
        core = self.core if segments[0] is self.segments[0] else None
        return ListIndex(self.router, segments, self.probing, self.placed, threads, core)

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        rows = self.rows
        query, k = check_search(query, k, eligible, dim=self.lists.rotation.dim, rows=rows)
        wanted = shortlist_size(k)
        if eligible is not None and eligible.count <= wanted:
            return self._exact().search(query, k, eligible=eligible)
        found, scores, proposed, _ = self._core.search(query, k, **self._limits(k, eligible))
        if proposed < min(wanted, rows):
            return self._exact().search(query, k, eligible=eligible)
        return Hits(found, scores)

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return the best rows of each query."""
        dim = self.lists.rotation.dim
        queries, k = check_search_many(queries, k, eligible, dim=dim, rows=self.rows)
        if eligible is not None and eligible.count <= shortlist_size(k):
            return self._exact().search_many(queries, k, eligible=eligible)
        return in_parts(
            lambda start, stop: self._together(queries[start:stop], k, eligible),
            len(queries),
            self.threads,
        )

    def _together(self, queries: Queries, k: int, eligible: Eligible | None) -> list[Hits]:
        """Answer queries in one call; those that the lists hold too little for, alone."""
        rows, scores, found, proposed = self._core.search_many(
            queries, k, **self._limits(k, eligible)
        )
        enough = min(shortlist_size(k), self.rows)
        return [
            Hits(rows[place, :size], scores[place, :size])
            if seen >= enough
            else self._exact().search(queries[place], k, eligible=eligible)
            for place, (size, seen) in enumerate(
                zip(found.tolist(), proposed.tolist(), strict=True)
            )
        ]

    @property
    def _core(self) -> ListSearch:
        assert self.core is not None
        return self.core

    def _limits(self, k: int, eligible: Eligible | None) -> dict[str, Any]:
        """Return how far the core shall go."""
        probing = self.probing.reaching(k)
        return {
            "wanted": shortlist_size(k),
            "rows": probing.rows,
            "groups": probing.groups,
            "shortlist": probing.shortlist,
            "further": 1.0 if eligible is None else eligible.selectivity**-0.5,
            "eligible": None if eligible is None else eligible.narrowing(0, eligible.rows),
            "later": self.later,
        }

    def _later(self) -> LaterRows | None:
        """Return the rows that are in no list, as the core takes them."""
        first = self.lists.rows
        if self.rows == first:
            return None
        placed = Placed.nothing(self.lists) if self.placed is None else self.placed
        newer = [
            (s.first_row, s.codes, s.scales, s.offsets, s.vectors)
            for s in after(self.segments, first)
        ]
        return LaterRows(newer, placed.order, placed.offsets, placed.stop_row)

    def _exact(self) -> ExactIndex:
        return ExactIndex(self.segments, self.router.metric, self.threads)
