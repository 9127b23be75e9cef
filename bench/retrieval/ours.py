"""edgerec's own indexes as contenders, each built anew: what they cost to build is a figure.

Their rows lie in the order of the lists, as a catalogue has them that was built for lists, and one
copy of them serves all indexes.  What a search finds is told in the numbers of the set: looking
these up is part of its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.retrieval import peer
from bench.retrieval.peer import Ask, Knobs, Rows
from bench.retrieval.sets import DataSet
from bench.retrieval.tuning import Tuning
from edgerec.catalog.bitmaps import Eligible, pack
from edgerec.catalog.vectors import Segment, Vectors
from edgerec.retrieval.clusters import Centroids, Clusters, train_clusters
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import MAX_FOUND, Index, shortlist_size
from edgerec.retrieval.inverted import Lists
from edgerec.retrieval.lists import ListIndex, Probing
from edgerec.retrieval.routing import Router
from edgerec.retrieval.sketch import Sketches, SketchIndex

__all__ = ["Built", "Mine", "built"]

ROWS_A_LIST, MOST_LISTS, SAMPLE = 64, 250_000, 40
SHORTLISTS = (5, 10, 20, 40, 80)
"""Times k; what is added to them looks at every row by its codes."""
OPTIMISMS = (0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Mine:
    """A searcher, and the index that it asks.

    Parameters
    ----------
    knobs : Knobs
    index_at : callable
        From effort, width and k to an index.
    numbers : (n,) int32
        What the set calls each row of the index.
    """

    knobs: Knobs
    index_at: Callable[[int, int, int], Index]
    numbers: NDArray[np.int32]

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Ask the index at these knobs."""
        index, numbers = self.index_at(effort, width, k), self.numbers

        def one(query: peer.Vectors) -> Rows:
            return numbers[index.search(query, k).rows]

        def many(queries: peer.Vectors) -> Rows:
            return numbers[np.stack([hits.rows for hits in index.search_many(queries, k)])]

        return Ask(one, many)

    def eligible(self, mask: NDArray[np.bool_]) -> Eligible:
        """Return the rows that ``mask`` lets through, which speaks of the set's numbers."""
        return Eligible(pack(mask[self.numbers]), int(mask.sum()), mask.size)


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """One index of ours.

    Parameters
    ----------
    name : str
    searcher : Mine
    build_cpu_s : float
        The codes of the catalogue are counted in.
    hot_bytes_an_item : float
        All that is kept in memory but the originals, of which the last few rows are read.
    """

    name: str
    searcher: Mine
    build_cpu_s: float
    hot_bytes_an_item: float


def built(data: DataSet) -> Iterator[Built]:
    """Build every index of ours over the items of ``data``."""
    start = time.process_time()
    segment = Segment.of(data.read())
    coded = time.process_time()
    lists, segment, numbers = _listed(segment)
    listed = time.process_time()
    sketches = Sketches.of(segment)
    sketched = time.process_time() - listed

    hot = segment.codes.nbytes + segment.scales.nbytes
    more = sketches.bits.nbytes + sketches.factors.nbytes + sketches.centre.nbytes
    rows = segment.rows
    exact = Mine(Knobs(1), lambda _effort, _width, _k: ExactIndex((segment,)), numbers)
    yield Built("edgerec exact", exact, coded - start, hot / rows)
    shortlist = Mine(
        Knobs(min(rows, MAX_FOUND)),
        lambda effort, _width, k: SketchIndex(sketches, (segment,), max(effort, shortlist_size(k))),
        numbers,
    )
    cost = coded - start + sketched
    yield Built("edgerec sketch", shortlist, cost, (hot + more) / rows)
    searcher = _searcher(lists, segment, numbers, data)
    cost = listed - start
    yield Built("edgerec lists", searcher, cost, (hot + _bytes_of(lists)) / rows)


def _listed(segment: Segment) -> tuple[Lists, Segment, NDArray[np.int32]]:
    """Train, place every row, put the rows in the order of their lists, and sketch them."""
    rows = segment.rows
    count = max(1, min(rows // ROWS_A_LIST, MOST_LISTS))
    seen = np.sort(np.random.default_rng(0).permutation(rows)[: SAMPLE * count])
    clusters = train_clusters(segment.decoded(seen), count)
    places = clusters.assign(segment.codes, segment.scales)
    order = np.argsort(places, kind="stable").astype(np.int32)
    ordered = Vectors.of(segment).compacted(order).base
    return Lists.of(clusters, places[order], ordered), ordered, order


def _searcher(lists: Lists, segment: Segment, numbers: NDArray[np.int32], data: DataSet) -> Mine:
    """Return a searcher whose effort counts lists of the mean length, its width the shortlist.

    Of the ways to rank lists it has the one that needs the fewest rows.
    """
    most = max(8, segment.rows // ROWS_A_LIST // 4)  # beyond that a scan is quicker

    def at(router: Router, effort: int, width: int, k: int) -> ListIndex:
        return ListIndex(router, (segment,), _probing(lists, effort, width, k))

    routers = [Router(lists, "inner", optimism) for optimism in OPTIMISMS]
    needed = []
    for router in routers:
        mine = Mine(Knobs(most, SHORTLISTS[-1:]), partial(at, router), numbers)
        setting = Tuning(mine, data).cheapest(10, 0.95)
        needed.append(most + 1 if setting is None else setting.effort)
    best = routers[int(np.argmin(needed))]
    return Mine(Knobs(most, (0, *SHORTLISTS)), partial(at, best), numbers)


def _probing(lists: Lists, effort: int, width: int, k: int) -> Probing:
    """Look at enough groups and lists for the rows that are wanted, and some more."""
    rows = max(effort * ROWS_A_LIST, shortlist_size(k))  # fewer leave the choice to a scan
    every = len(lists.clusters.groups)
    groups = min(every, round(8 + 8 * every * rows / lists.rows))
    shortlist = width and min(max(shortlist_size(k), width * k), MAX_FOUND)
    return Probing(rows, groups, shortlist, k)


def _bytes_of(lists: Lists) -> int:
    """Count the sketches, the lists' bounds, and centroids in every form."""

    def coded(centroids: Centroids) -> int:
        return centroids.codes.nbytes + centroids.scales.nbytes + centroids.halves.nbytes

    def of(clusters: Clusters) -> int:
        floats = clusters.groups.nbytes + clusters.centroids.nbytes + clusters.bounds.nbytes
        forms = clusters.coarse, clusters.fine, clusters.ranked
        return floats + sum(map(coded, forms)) + clusters.ranked.packed.nbytes

    arrays = lists.bits, lists.factors, lists.offsets, lists.spreads, lists.group_spreads
    return of(lists.clusters) + sum(array.nbytes for array in arrays)
