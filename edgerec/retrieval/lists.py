"""Search in inverted lists: the most promising lists by sketches, then codes, then originals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap, Eligible
from edgerec.errors import ValueRangeError
from edgerec.kernels.bitmaps import count_ranges
from edgerec.kernels.quantize import quantize_rows
from edgerec.kernels.scan import scan_int8, scan_int8_many
from edgerec.kernels.sketch import scan_sketches, scan_sketches_many, sketch_query
from edgerec.machine.pool import parts, side_by_side
from edgerec.retrieval.exact import ExactIndex, scanned, scanned_many
from edgerec.retrieval.index import (
    MAX_FOUND,
    Hits,
    Kind,
    Queries,
    Query,
    check_eligible,
    check_k,
    check_queries,
    check_query,
    shortlist_size,
)
from edgerec.retrieval.inverted import Lists, Placed
from edgerec.retrieval.rescoring import (
    Coded,
    Rows,
    Segments,
    after,
    bytes_of_codes,
    coded,
    decided,
    rows_of_segments,
)
from edgerec.retrieval.routing import Router, norm_of
from edgerec.retrieval.sketch import PLANES, sketched_queries

__all__ = ["ListIndex", "Probing"]

BATCH = 512  # queries whose lists are sorted together


@dataclass(frozen=True, slots=True)
class Probing:
    """How far a search in lists goes.

    Parameters
    ----------
    rows : int >= 1
        Lists are looked into until they held so many eligible rows together.
    groups, lists : int >= 1
        Groups of lists that are looked at, and lists of them that are ranked.
    shortlist : int in [0, 30000]
        Rows that are looked at by their codes; 0 to look at all of them so, without sketches.
    k : int in [1, 10000]
        The number of results that this was measured for; for more, it goes further.
    """

    rows: int
    groups: int
    lists: int
    shortlist: int
    k: int

    def __post_init__(self) -> None:
        for name, least in (("rows", 1), ("groups", 1), ("lists", 1), ("shortlist", 0), ("k", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueRangeError(f"{name} must be an integer >= {least}, got {value!r}")
        if self.shortlist > MAX_FOUND:
            raise ValueRangeError(f"shortlist must be <= {MAX_FOUND}, got {self.shortlist}")

    def reaching(self, k: int) -> Probing:
        """Return how far a search for ``k`` results goes."""
        if k <= self.k:
            return self
        times = -(-k // self.k)
        shortlist = min(self.shortlist * times, MAX_FOUND)
        return Probing(self.rows * times, self.groups * times, self.lists * times, shortlist, k)


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
        scanned one by one.
    threads : int >= 1
        Threads that may share the queries of one call, as far as the process's budget allows.
    """

    router: Router
    segments: Segments
    probing: Probing
    placed: Placed | None = None
    threads: int = 1
    kind: ClassVar[Kind] = "lists"

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
        return replace(self, segments=segments, threads=threads)

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        k = check_k(k)
        query = check_query(query, self.lists.rotation.dim)
        check_eligible(eligible, self.rows)
        wanted = shortlist_size(k)
        if eligible is not None and eligible.count <= wanted:
            return self._exact().search(query, k, eligible=eligible)
        codes = coded(query)
        found = self._proposed(query, codes, k, eligible)
        if found.size < min(wanted, self.rows):
            return self._exact().search(query, k, eligible=eligible)
        return decided(self.segments, self.router.metric, query, codes, found, k)

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return the best rows of each query; a list is visited once for all that look into it."""
        k = check_k(k)
        queries = check_queries(queries, self.lists.rotation.dim)
        check_eligible(eligible, self.rows)
        if eligible is not None and eligible.count <= shortlist_size(k):
            return self._exact().search_many(queries, k, eligible=eligible)
        n_parts = max(self.threads, -(-len(queries) // BATCH))
        work = [
            partial(self._some, queries[a:b], k, eligible) for a, b in parts(len(queries), n_parts)
        ]
        return [hits for found in side_by_side(work) for hits in found]

    def _proposed(self, query: Query, codes: Coded, k: int, eligible: Eligible | None) -> Rows:
        """Return rows to choose from, too few of them where the lists do not hold enough."""
        probing = self.probing.reaching(k)
        numbers, products = self._routed(query, codes, probing, self._bitmap(eligible))
        found = self._of_lists(query, codes, numbers, products, k, eligible)
        if self.rows == self.lists.rows:
            return found
        later = [self._placed_rows(numbers, eligible)]
        newest = after(self.segments, self._placed_until)
        if newest:
            later.append(scanned(newest, codes, shortlist_size(k), eligible))
        return np.concatenate([found, *later])

    def _routed(
        self, query: Query, codes: Coded, probing: Probing, bitmap: Bitmap | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the lists to look into and the products with their centroids."""
        norm, wanted = norm_of(query), probing.rows
        numbers, products = self.router.nearest(codes, norm, probing.groups, probing.lists)
        held = np.cumsum(self._held(numbers, bitmap))
        if held.size < len(self.lists) and (not held.size or held[-1] < wanted):
            every = len(self.lists)
            numbers, products = self.router.nearest(codes, norm, every, every)
            held = np.cumsum(self._held(numbers, bitmap))
        stop = int(np.searchsorted(held, wanted)) + 1
        return numbers[:stop], products[:stop]

    def _held(self, numbers: NDArray[np.int32], bitmap: Bitmap | None) -> NDArray[np.int64]:
        """Return how many eligible rows each list holds."""
        if bitmap is None:
            return self.lists.sizes[numbers]
        return count_ranges(bitmap, self.lists.rows, self.lists.ranges[numbers])

    def _of_lists(
        self,
        query: Query,
        codes: Coded,
        numbers: NDArray[np.int32],
        products: NDArray[np.float32],
        k: int,
        eligible: Eligible | None,
    ) -> Rows:
        """Return the best rows of some lists: by their sketches, or by their codes."""
        lists, probing, base = self.lists, self.probing.reaching(k), self.segments[0]
        bitmap, ranges = self._bitmap(eligible), lists.ranges[numbers]
        if not probing.shortlist:
            return scan_int8(
                codes.codes,
                codes.scale,
                base.codes,
                base.scales,
                shortlist_size(k),
                offsets=base.offsets,
                eligible=bitmap,
                ranges=ranges,
            )[0]
        planes, step = sketch_query(lists.rotation.apply(query.reshape(1, -1))[0], PLANES)
        return scan_sketches(
            planes,
            step,
            lists.bits,
            lists.factors,
            max(shortlist_size(k), probing.shortlist),
            offsets=base.offsets,
            bases=products,
            eligible=bitmap,
            ranges=ranges,
        )[0]

    def _some(self, queries: Queries, k: int, eligible: Eligible | None) -> list[Hits]:
        probing, bitmap = self.probing.reaching(k), self._bitmap(eligible)
        lookups, alone = self._lookups(queries, probing, bitmap)
        found = self._looked_up(queries, lookups, k, bitmap)
        if self.rows > self.lists.rows:
            found = self._with_later(queries, lookups, found, k, eligible)
        enough = min(shortlist_size(k), self.rows)
        return [
            decided(self.segments, self.router.metric, query, coded(query), rows, k)
            if rows.size >= enough and not far
            else self.search(query, k, eligible=eligible)
            for query, rows, far in zip(queries, found, alone, strict=True)
        ]

    def _lookups(
        self, queries: Queries, probing: Probing, bitmap: Bitmap | None
    ) -> tuple[Lookups, list[bool]]:
        """Return which query looks into which list, and which must look further, alone."""
        codes, scales = quantize_rows(queries)
        norms = np.array([norm_of(query) for query in queries], np.float32)
        numbers, products = self.router.nearest_many(
            codes, scales, norms, probing.groups, probing.lists
        )
        held = self._held(numbers.ravel(), bitmap).reshape(numbers.shape)
        held[numbers < 0] = 0
        before = np.cumsum(held, axis=1) - held
        looked = (before < probing.rows) & (numbers >= 0)  # later rows may lie in an empty list
        ranked = (numbers >= 0).sum(axis=1)
        alone = (held.sum(axis=1) < probing.rows) & (ranked < len(self.lists))
        return Lookups.of(numbers, products, looked), alone.tolist()

    def _looked_up(
        self, queries: Queries, lookups: Lookups, k: int, bitmap: Bitmap | None
    ) -> list[Rows]:
        """Return the best rows of each query's lists."""
        lists, shortlist, base = self.lists, self.probing.reaching(k).shortlist, self.segments[0]
        ranges = lists.ranges[lookups.lists]
        visits = lookups.offsets, lookups.queries
        if shortlist:
            planes, steps = sketched_queries(lists.rotation.apply(queries))
            rows, _, sizes = scan_sketches_many(
                planes,
                steps,
                lists.bits,
                lists.factors,
                max(shortlist_size(k), shortlist),
                offsets=base.offsets,
                bases=lookups.products,
                eligible=bitmap,
                ranges=ranges,
                visits=visits,
            )
        else:
            codes, scales = quantize_rows(queries)
            rows, _, sizes = scan_int8_many(
                codes,
                scales,
                base.codes,
                base.scales,
                shortlist_size(k),
                offsets=base.offsets,
                eligible=bitmap,
                ranges=ranges,
                visits=visits,
            )
        return [row[:size] for row, size in zip(rows, sizes.tolist(), strict=True)]

    def _with_later(
        self,
        queries: Queries,
        lookups: Lookups,
        found: list[Rows],
        k: int,
        eligible: Eligible | None,
    ) -> list[Rows]:
        """Return what was found with the rows that were added later."""
        later = [self._placed_rows(lists, eligible) for lists in lookups.by_query(len(queries))]
        newest = after(self.segments, self._placed_until)
        if newest:
            scans = scanned_many(newest, queries, shortlist_size(k), eligible)
            later = [np.concatenate(pair) for pair in zip(later, scans, strict=True)]
        return [np.concatenate(pair) for pair in zip(found, later, strict=True)]

    @property
    def _placed_until(self) -> int:
        return self.lists.rows if self.placed is None else self.placed.stop_row

    def _placed_rows(self, numbers: NDArray[np.int32], eligible: Eligible | None) -> Rows:
        """Return the rows of this snapshot that were placed into some lists."""
        if self.placed is None:
            return np.empty(0, np.int32)
        rows = self.placed.rows_in(numbers)
        rows = rows[rows < self.rows]
        if eligible is None or eligible.count == eligible.rows:
            return rows
        bits = eligible.bitmap[rows >> 3] >> (rows & 7).astype(np.uint8)
        allowed: Rows = rows[(bits & 1).astype(np.bool_)]
        return allowed

    def _bitmap(self, eligible: Eligible | None) -> Bitmap | None:
        """Return the eligible rows among those of the lists; None for all."""
        return None if eligible is None else eligible.narrowing(0, self.lists.rows)

    def _exact(self) -> ExactIndex:
        return ExactIndex(self.segments, self.router.metric, self.threads)


@dataclass(frozen=True, slots=True, eq=False)
class Lookups:
    """Which queries look into which lists, in the order of the lists.

    Parameters
    ----------
    lists : (m,) int32, ascending
    offsets : (m + 1,) int64
        List i is looked into by ``queries[offsets[i]:offsets[i + 1]]``.
    queries : (n,) int32
    products : (n,) float32
        Of each such query with the list's centroid.
    """

    lists: NDArray[np.int32]
    offsets: NDArray[np.int64]
    queries: NDArray[np.int32]
    products: NDArray[np.float32]

    @classmethod
    def of(
        cls, numbers: NDArray[np.int32], products: NDArray[np.float32], looked: NDArray[np.bool_]
    ) -> Lookups:
        """Sort the lists (queries, m) that are looked into."""
        queries, places = np.nonzero(looked)
        wanted = numbers[queries, places]
        order = np.argsort(wanted, kind="stable")
        lists, starts = np.unique(wanted[order], return_index=True)
        return cls(
            lists,
            np.append(starts, order.size).astype(np.int64),
            queries[order].astype(np.int32),
            products[queries, places][order],
        )

    def by_query(self, count: int) -> list[NDArray[np.int32]]:
        """Return the lists that each of ``count`` queries looks into."""
        lists = np.repeat(self.lists, np.diff(self.offsets))
        order = np.argsort(self.queries, kind="stable")
        bounds = np.searchsorted(self.queries[order], np.arange(1, count))
        return np.split(lists[order], bounds)
