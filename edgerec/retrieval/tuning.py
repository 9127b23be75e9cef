"""How far a search must go for a recall, found without searching.

Where a row stands among the sketches, and how many rows the lists before its own hold, says from
which setting on a search finds it. Asked of the true answers of some queries, this gives the recall
of every setting at once; only a handful of settings that reach the target is left to be measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import Metric, Segment
from edgerec.kernels.sketch import scan_sketches, sketch_query
from edgerec.retrieval.index import MAX_FOUND, Queries, Query, shortlist_size
from edgerec.retrieval.inverted import Lists
from edgerec.retrieval.lists import Probing
from edgerec.retrieval.rescoring import Coded, coded
from edgerec.retrieval.routing import Router, norm_of
from edgerec.retrieval.sketch import PLANES, Sketches

__all__ = ["probings", "shortlist"]

OPTIMISMS = (0.0, 1.0, 2.0, 3.0)
# Of the misses that a target allows: what groups that are not looked at may cost, and with these
# the lists that are not.
SHARES = {0.1: (0.3, 0.5, 0.7, 0.9), 0.35: (0.5, 0.7, 0.9)}
FAR = np.iinfo(np.int64).max

Places = NDArray[np.int64]


def shortlist(
    sketches: Sketches, base: Segment, queries: Queries, truth: NDArray[np.int32], recall: float
) -> int | None:
    """Return the shortest list from sketches that holds the share ``recall`` of the truth.

    Parameters
    ----------
    sketches : Sketches
    base : Segment
        The rows that have them.
    queries : (n, dim) float32
    truth : (n, k) int32
        The best rows of each.
    recall : float in (0, 1]

    Returns
    -------
    int in [1, 30000], or None where no such list is long enough
    """
    places = []
    for query, true in zip(queries, truth, strict=True):
        planes, step = sketch_query(sketches.rotation.apply(query.reshape(1, -1))[0], PLANES)
        offsets = base.part(0, sketches.rows).offsets
        rows, _ = scan_sketches(
            planes, step, sketches.bits, sketches.factors, MAX_FOUND, offsets=offsets
        )
        places.append(_places(rows, true))
    return _reaching(np.concatenate(places), recall)


def probings(
    lists: Lists,
    base: Segment,
    metric: Metric,
    queries: Queries,
    truth: NDArray[np.int32],
    recall: float,
) -> Iterator[tuple[Router, Probing]]:
    """Yield settings that should reach ``recall``, from many rows and short shortlists on.

    Parameters
    ----------
    lists : Lists
    base : Segment
        Their rows.
    metric : Metric
    queries : (n, dim) float32
    truth : (n, k) int32
        The best rows of each, all of them in the lists.
    recall : float in (0, 1]
    """
    asked = [_Asked.of(query, rows, lists) for query, rows in zip(queries, truth, strict=True)]
    k, misses = truth.shape[1], 1 - recall
    router = _router(lists, metric, asked, 1 - misses / 2)
    for groups_share, shares in SHARES.items():
        groups, looks = _groups(router, asked, groups_share * misses)
        before = np.concatenate([look.before for look in looks])
        for share in shares:
            rows = _reaching(before, 1 - share * misses)
            if rows is None:
                continue
            found = [
                _sketch_places(lists, base, one, look, look.lists_until(rows))
                for one, look in zip(asked, looks, strict=True)
            ]
            count = _reaching(np.concatenate(found), recall)
            if count is not None:
                least = shortlist_size(k)
                yield router, Probing(max(rows, least), groups, max(count, least), k)
        rows = _reaching(before, recall)
        if rows is not None:
            yield router, Probing(max(rows, shortlist_size(k)), groups, 0, k)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A query, and the list of each of its true rows."""

    query: Query
    codes: Coded
    norm: float
    truth: NDArray[np.int32]
    lists: Places

    @classmethod
    def of(cls, query: Query, truth: NDArray[np.int32], lists: Lists) -> _Asked:
        own = np.searchsorted(lists.offsets, truth, side="right") - 1
        return cls(query, coded(query), norm_of(query), truth, own)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The lists in the order that a query looks into them, (m,), and what stands before a row."""

    numbers: NDArray[np.int32]
    products: NDArray[np.float32]
    held: Places
    """Rows of a list and of all before it."""
    before: Places
    """Rows of the lists before that of each true row; :data:`FAR` where that is none of them."""

    @classmethod
    def of(cls, router: Router, asked: _Asked, groups: int) -> _Look:
        sizes = router.lists.sizes
        numbers, products = router.nearest(asked.codes, asked.norm, groups, sizes.size)
        held = np.cumsum(sizes[numbers], dtype=np.int64)
        before = np.full(sizes.size, FAR)
        before[numbers] = held - sizes[numbers]
        return cls(numbers, products, held, before[asked.lists])

    def lists_until(self, rows: int) -> int:
        """Return how many lists are looked into for ``rows`` rows."""
        return min(int(np.searchsorted(self.held, rows)) + 1, self.held.size)


def _router(lists: Lists, metric: Metric, asked: list[_Asked], share: float) -> Router:
    """Return the router that has to look at the fewest rows."""
    routers = [Router(lists, metric, optimism) for optimism in OPTIMISMS]
    every = len(lists.clusters.groups)
    needed = []
    for router in routers:
        before = np.concatenate([_Look.of(router, one, every).before for one in asked])
        needed.append(_reaching(before, share) or FAR)
    return routers[int(np.argmin(needed))]


def _groups(router: Router, asked: list[_Asked], misses: float) -> tuple[int, list[_Look]]:
    """Return as few groups as lack a share ``misses`` of the true rows, and the lists in them."""
    every, groups = len(router.lists.clusters.groups), 4
    while groups < every:
        looks = [_Look.of(router, one, groups) for one in asked]
        missed = np.concatenate([look.before for look in looks]) == FAR
        if missed.mean() <= misses:
            return groups, looks
        groups += groups // 2
    return every, [_Look.of(router, one, every) for one in asked]


def _sketch_places(
    lists: Lists,
    base: Segment,
    asked: _Asked,
    look: _Look,
    count: int,
) -> Places:
    """Return where the true rows stand among those of the first ``count`` lists."""
    planes, step = sketch_query(lists.rotation.apply(asked.query.reshape(1, -1))[0], PLANES)
    rows, _ = scan_sketches(
        planes,
        step,
        lists.bits,
        lists.factors,
        MAX_FOUND,
        offsets=base.part(0, lists.rows).offsets,
        bases=look.products[:count],
        ranges=lists.ranges[look.numbers[:count]],
    )
    return _places(rows, asked.truth)


def _places(rows: NDArray[np.int32], truth: NDArray[np.int32]) -> Places:
    """Return where each of ``truth`` stands among ``rows``, :data:`FAR` where it does not."""
    order = np.argsort(rows, kind="stable")
    at = np.minimum(np.searchsorted(rows, truth, sorter=order), rows.size - 1)
    places: Places = np.where(rows[order[at]] == truth, order[at], FAR)
    return places


def _reaching(places: Places, share: float) -> int | None:
    """Return how many must be looked at so that ``share`` of the places are among them."""
    needed = np.sort(places)[max(0, ceil(share * places.size - 1e-9) - 1)]
    return None if needed == FAR else int(needed) + 1
