"""Rows that came later: one call finds what the lists and those rows give one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.vectors import KEPT, METRICS, Kept, Metric, Segment
from edgerec.errors import ShapeError, ValueRangeError
from edgerec.kernels import dispatch
from edgerec.kernels.later import LaterRows
from edgerec.kernels.lists import ListSearch
from edgerec.retrieval.clusters import train_clusters
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import Hits, shortlist_size
from edgerec.retrieval.inverted import Lists, Placed
from edgerec.retrieval.lists import ListIndex, Probing
from edgerec.retrieval.rescoring import after, best_of, coded, decided
from edgerec.retrieval.routing import Router
from tests.contracts.indexes import eligible_of

ROWS, LATER, DIM = 700, 400, 24


def drawn(rows: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    x = np.random.default_rng(0).standard_normal((12, DIM))[rng.integers(12, size=rows)]
    x += 0.4 * rng.standard_normal((rows, DIM))
    x[rows // 2 :: 7] = x[rows // 2]  # equal scores
    return x.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Made:
    """A catalogue in lists, whose last rows came later and were placed."""

    router: Router
    base: Segment
    later: Segment

    def index(self, probing: Probing, rows: int, placed: int | None, known: int) -> ListIndex:
        """Over the first ``rows`` rows, ``placed`` of the later ones placed, ``known`` in the base.

        Those that are ``known`` are so because the catalogue was written and read in between.
        """
        base, later = self.base, self.later
        segments: tuple[Segment, ...] = (base, later.part(0, rows - ROWS))
        if known:
            first = _joined(base, later.part(0, known))
            rest = later.part(min(known, rows - ROWS), rows - ROWS)
            segments = (first.part(0, min(ROWS + known, rows)), rest)
        segments = tuple(s for s in segments if s.rows)
        some = None
        if placed is not None:
            some = Placed.nothing(self.router.lists)
            for start in range(0, placed, 150):
                part = later.part(start, min(start + 150, placed))
                some = some.extended(self.router.lists, part)
        return ListIndex(self.router, segments, probing, some)


@cache
def made(metric: Metric, kept: Kept) -> Made:
    x = drawn(ROWS, 1)
    segment = Segment.of(x)
    clusters = train_clusters(segment.codes * segment.scales[:, None], 40)
    places = clusters.assign(segment.codes, segment.scales)
    x = x[np.argsort(places, kind="stable")]
    catalog = Catalog(_items(0, ROWS), x, metric=metric, originals=kept)
    catalog.upsert(_items(ROWS, LATER), drawn(LATER, 2))
    base, later = catalog.snapshot().segments
    lists = Lists.of(clusters, np.sort(places), base)
    return Made(Router(lists, metric, 2.0), base, later)


def _items(first: int, count: int) -> Items:
    return Items(tuple(f"a{row}" for row in range(first, first + count)), {}, ())


def _joined(one: Segment, other: Segment) -> Segment:
    def both(name: str) -> Any:
        arrays = [getattr(segment, name) for segment in (one, other)]
        return None if arrays[0] is None else np.concatenate(arrays)

    return Segment(0, *map(both, ("vectors", "codes", "scales", "offsets")))


def step_by_step(
    index: ListIndex, query: NDArray[np.float32], k: int, eligible: Eligible | None
) -> Hits:
    """Search the lists, then those later rows that lie in them or in none, and join the results."""
    exact = ExactIndex(index.segments, index.router.metric)
    wanted, first = shortlist_size(k), index.lists.rows
    if eligible is not None and eligible.count <= wanted:
        return exact.search(query, k, eligible=eligible)
    limits = index._limits(k, eligible) | {"later": None}
    allowed = np.ones(index.rows, np.bool_)
    if eligible is not None:
        bits = np.unpackbits(eligible.bitmap, count=index.rows, bitorder="little")
        allowed = bits.astype(np.bool_)
        limits["eligible"] = np.packbits(allowed[:first], bitorder="little")
    assert index.core is not None
    rows, scores, proposed, numbers = index.core.search(query, k, **limits)
    placed = index.placed or Placed.nothing(index.lists)
    there = [placed.order[a:b] for a, b in pairwise(placed.offsets)]
    later = np.concatenate(
        [np.arange(placed.stop_row, index.rows), *(there[number] for number in numbers)]
    ).astype(np.int32)
    later = np.sort(later[later < index.rows])
    later = later[allowed[later]]
    if proposed + later.size < min(wanted, index.rows):
        return exact.search(query, k, eligible=eligible)
    if not later.size:
        return Hits(rows, scores)
    newer = after(index.segments, first)
    found = decided(newer, index.router.metric, query, coded(query), later, k)
    return Hits(*best_of([(rows, scores), (found.rows, found.scores)], k))


@given(
    metric=st.sampled_from(METRICS),
    kept=st.sampled_from(KEPT),
    k=st.sampled_from([1, 10, 25, 300]),
    probing=st.builds(
        Probing,
        rows=st.sampled_from([1, 60, 300, 5000]),
        groups=st.integers(1, 8),
        shortlist=st.sampled_from([0, 50, 400]),
        k=st.just(10),
    ),
    seen=st.integers(1, LATER),
    placed=st.sampled_from([None, 0, 1, 200, LATER]),
    known=st.sampled_from([0, 0, 1, 130, LATER]),
    share=st.sampled_from([None, 1.0, 0.9, 0.3, 0.05]),
    seed=st.integers(0, 1000),
)
def test_one_call_finds_what_two_steps_find(
    metric: Metric,
    kept: Kept,
    k: int,
    probing: Probing,
    seen: int,
    placed: int | None,
    known: int,
    share: float | None,
    seed: int,
) -> None:
    index = made(metric, kept).index(probing, ROWS + seen, placed, known)
    eligible = None
    if share is not None:
        eligible = eligible_of(np.random.default_rng(seed).random(index.rows) < share)
    queries = np.concatenate([drawn(2, seed), drawn(LATER, 2)[seed % LATER][None]])
    together = index.search_many(queries, k, eligible=eligible)
    for query, many in zip(queries, together, strict=True):
        wanted = step_by_step(index, query, k, eligible)
        for hits in (index.search(query, k, eligible=eligible), many):
            assert hits.rows.tolist() == wanted.rows.tolist()
            assert hits.scores.tolist() == wanted.scores.tolist()


def test_rows_that_a_snapshot_lacks_are_never_found() -> None:
    """The index has placed rows that came after the snapshot, which hold the best of all."""
    whole = made("inner", "float32")
    probing = Probing(rows=10_000, groups=100, shortlist=0, k=10)
    index = whole.index(probing, ROWS + 150, LATER, 0)
    vectors = whole.later.take(slice(None))
    for row in range(150, LATER):
        assert (index.search(vectors[row], 10).rows < ROWS + 150).all()


@pytest.mark.parametrize("isa", dispatch.runnable())
def test_every_isa_gives_the_same(isa: str) -> None:
    whole = made("l2", "float16")
    index = whole.index(Probing(rows=300, groups=4, shortlist=50, k=10), ROWS + 390, 310, 0)
    router, clusters, base = index.router, index.lists.clusters, whole.base
    coarse, ranked = clusters.coarse, clusters.ranked
    other = ListSearch(
        (coarse.codes, coarse.scales, router._group_bonus),
        (ranked.packed, ranked.scales, router._list_bonus),
        clusters.ranges,
        index.lists.ranges,
        index.lists.sizes,
        (index.lists.bits, index.lists.factors),
        base.codes,
        base.scales,
        base.offsets,
        index.lists.rotation.signs,
        base.vectors,
        "l2",
        ceiling=isa,
    )
    assert index.core is not None
    for query in drawn(20, 3):
        one, two = (c.search(query, 10, **index._limits(10, None)) for c in (index.core, other))
        assert [np.asarray(x).tolist() for x in one] == [np.asarray(x).tolist() for x in two]


def test_searches_of_one_snapshot_share_an_index() -> None:
    index = made("inner", "float32").index(Probing(60, 3, 50, 10), ROWS + 9, None, 0)
    assert index.over(index.segments) is index
    assert index.over(index.segments, 2).threads == 2
    fewer = index.over((index.segments[0], index.segments[1].part(0, 3)))
    assert (fewer.rows, fewer.core) == (ROWS + 3, index.core)
    assert index.over(index.segments[:1]).later is None


def test_later_rows_that_do_not_fit_are_refused() -> None:
    whole = made("inner", "float32")
    later, core = whole.later, whole.router.core(whole.base)
    good: list[Any] = [ROWS, later.codes, later.scales, None, later.vectors]
    order, offsets = np.empty(0, np.int32), np.zeros(len(whole.router.lists) + 1, np.int64)

    def search(segments: Any, *rest: Any, **more: Any) -> None:
        rows = LaterRows(segments, *rest)
        limits: dict[str, Any] = {"wanted": 30, "rows": 2000, "groups": 40, "shortlist": 0}
        core.search(drawn(1, 5)[0], 10, later=rows, **limits, **more)

    search([good], order, offsets, ROWS)
    search([], order, offsets, ROWS)
    for place, wrong, error in (
        (0, ROWS + 1, ShapeError),
        (0, -1, ValueRangeError),
        (1, later.codes[:, :-1].copy(), ShapeError),
        (1, later.codes.astype(np.int16), ShapeError),
        (2, later.scales[:-1], ShapeError),
        (3, later.scales[:-1], ShapeError),
        (4, None, ShapeError),
        (4, np.asarray(later.vectors)[:-1], ShapeError),
        (4, np.asarray(later.vectors, np.float16), ShapeError),
    ):
        with pytest.raises(error):
            search([[*good[:place], wrong, *good[place + 1 :]]], order, offsets, ROWS)
    fallen = offsets.copy()
    fallen[1::2] = 1
    for rest, error in (
        ((order, offsets[:-1], ROWS), ShapeError),
        ((order, offsets[:0], ROWS), ShapeError),
        ((order.astype(np.int64), offsets, ROWS), ShapeError),
        ((order, offsets + 1, ROWS), ValueRangeError),
        ((np.full(9, ROWS, np.int32), fallen, ROWS), ValueRangeError),
        ((order, offsets - 1, ROWS), ValueRangeError),
        ((order, offsets, -1), ValueRangeError),
    ):
        with pytest.raises(error):
            search([good], *rest)
    with pytest.raises(ShapeError):
        search([good, good], order, offsets, ROWS)
    with pytest.raises(ShapeError):
        search([good] * 3, order, offsets, ROWS)
    with pytest.raises(ShapeError):
        search([good], order, offsets, ROWS, eligible=np.zeros(ROWS // 8 + 1, np.uint8))


def test_rows_of_an_order_that_are_none_are_passed_over() -> None:
    """What was placed is checked where it is looked at, since there is a new one every while."""
    whole = made("inner", "float32")
    later, core = whole.later, whole.router.core(whole.base)
    number = len(whole.router.lists)
    order = np.array([-1, -(2**31), 0, ROWS - 1, ROWS + LATER, 2**31 - 1, ROWS + 7], np.int32)
    offsets = np.zeros(number + 1, np.int64)
    offsets[1:] = order.size
    rows = LaterRows(
        [(ROWS, later.codes, later.scales, None, later.vectors)], order, offsets, ROWS + LATER
    )
    limits: dict[str, Any] = {"wanted": 30, "rows": 2000, "groups": 40, "shortlist": 0}
    query = later.take(slice(7, 8))[0]
    _, _, alone, _ = core.search(query, 10, **limits)
    _, _, proposed, looked = core.search(query, 10, later=rows, **limits)
    assert (proposed - alone, looked.size) == (1, number)


@pytest.mark.parametrize("placed", [-1, 2**31, 2**64])
def test_rows_beyond_int32_were_not_placed(placed: int) -> None:
    nothing, offsets = np.empty(0, np.int32), np.zeros(2, np.int64)
    with pytest.raises(ValueRangeError, match="placed must lie in"):
        LaterRows([], nothing, offsets, placed)
