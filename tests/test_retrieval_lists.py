"""Lists: they look where the best rows are, take later rows, and refuse arrays that do not fit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import METRICS, Metric, Segment
from edgerec.errors import BundleCorruptError, ValueRangeError
from edgerec.retrieval.clusters import Clusters, train_clusters
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import MAX_FOUND
from edgerec.retrieval.inverted import Lists, Placed
from edgerec.retrieval.lists import ListIndex, Probing
from edgerec.retrieval.rescoring import coded
from edgerec.retrieval.routing import Router, norm_of
from tests.contracts.indexes import eligible_of

ROWS, LATER, DIM = 8000, 900, 32
NARROW = Probing(rows=800, groups=6, shortlist=300, k=10)  # a tenth of the rows
Vectors = NDArray[np.float32]


def items(first: int, count: int) -> Items:
    return Items(tuple(f"a{row}" for row in range(first, first + count)), {}, ())


def drawn(count: int, seed: int) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((60, DIM))
    x = centres[rng.integers(60, size=count)] + 0.5 * rng.standard_normal((count, DIM))
    return (x * rng.uniform(0.7, 1.4, (count, 1))).astype(np.float32)


def listed(metric: Metric) -> tuple[Snapshot, Lists, Placed]:
    """A catalogue in the order of its lists, and rows that came later."""
    catalog = Catalog(items(0, ROWS), drawn(ROWS, 1), metric=metric)
    base = catalog.snapshot().segments[0]
    clusters = train_clusters(base.decoded(slice(None)), 100)
    places = clusters.assign(base.codes, base.scales)
    catalog = catalog.compacted(np.argsort(places, kind="stable").astype(np.int32))
    lists = Lists.of(clusters, np.sort(places), catalog.snapshot().segments[0])
    catalog.upsert(items(ROWS, LATER), drawn(LATER, 2))
    snapshot = catalog.snapshot()
    return snapshot, lists, Placed.nothing(lists).extended(lists, snapshot.segments[1])


def recall(snapshot: Snapshot, index: ListIndex, allowed: NDArray[np.bool_] | None = None) -> float:
    exact = ExactIndex(snapshot.segments, snapshot.metric)
    eligible = None if allowed is None else eligible_of(allowed)
    queries = drawn(40, 3)
    together = index.search_many(queries, 10, eligible=eligible)
    shares = []
    for query, many in zip(queries, together, strict=True):
        hits = index.search(query, 10, eligible=eligible)
        assert many.rows.tolist() == hits.rows.tolist()
        true = exact.search(query, 10, eligible=eligible)
        shares.append(np.isin(true.rows, hits.rows).mean())
    return float(np.mean(shares))


@pytest.mark.parametrize("metric", METRICS)
def test_a_tenth_of_the_rows_holds_the_best(metric: Metric) -> None:
    snapshot, lists, placed = listed(metric)
    router = Router(lists, metric, 2.0)
    assert recall(snapshot, ListIndex(router, snapshot.segments, NARROW, placed)) >= 0.95
    assert recall(snapshot, ListIndex(router, snapshot.segments, NARROW)) >= 0.95
    blind = Router(lists, metric, 1e6)  # by the spread of the lists alone
    assert recall(snapshot, ListIndex(blind, snapshot.segments, NARROW, placed)) < 0.6


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_recall_holds_under_a_filter(share: float) -> None:
    snapshot, lists, placed = listed("inner")
    index = ListIndex(Router(lists, "inner", 2.0), snapshot.segments, NARROW, placed)
    scattered = np.random.default_rng(4).random(snapshot.rows) < share
    together = np.arange(snapshot.rows) >= round((1 - share) * snapshot.rows)
    for allowed in (scattered, together):
        assert recall(snapshot, index, allowed) >= 0.95


def test_rows_that_are_placed_are_found_where_they_belong() -> None:
    snapshot, lists, placed = listed("inner")
    assert sorted(placed.order.tolist()) == list(range(ROWS, ROWS + LATER))
    later = snapshot.segments[1]
    for number in range(len(lists)):
        rows = placed.order[placed.offsets[number] : placed.offsets[number + 1]]
        assert (lists.clusters.assign(later.codes, later.scales)[rows - ROWS] == number).all()


def test_rows_placed_bit_by_bit_lie_as_if_they_came_together() -> None:
    snapshot, lists, placed = listed("inner")
    later, grown = snapshot.segments[1], Placed.nothing(lists)
    bounds = [0, 1, 1, 300, 301, LATER]
    for start, stop in pairwise(bounds):
        part = slice(start, stop)
        piece = Segment(ROWS + start, None, later.codes[part], later.scales[part])
        grown = grown.extended(lists, piece)
    places = lists.clusters.assign(later.codes, later.scales)
    for one in (placed, grown):
        assert (one.first_row, one.stop_row) == (ROWS, ROWS + LATER)
        assert one.places.tolist() == places.tolist()
        assert one.order.tolist() == (ROWS + np.argsort(places, kind="stable")).tolist()
        assert np.diff(one.offsets).tolist() == np.bincount(places, minlength=len(lists)).tolist()


def test_later_rows_are_found_by_older_snapshots_and_newer_ones() -> None:
    """Where the index has placed rows that a snapshot lacks, and where it has not placed all."""
    snapshot, lists, placed = listed("inner")
    base, later = snapshot.segments
    router, every = Router(lists, "inner", 2.0), np.arange(ROWS, ROWS + LATER)
    some = Placed.nothing(lists).extended(lists, _until(later, 500))
    for index in (
        ListIndex(router, snapshot.segments, NARROW, placed),
        ListIndex(router, snapshot.segments, NARROW, some),
        ListIndex(router, (base, _until(later, 700)), NARROW, placed),
        ListIndex(router, (base, _until(later, 700)), NARROW),
    ):
        allowed = np.arange(index.rows) % 3 != 0
        for row in every[: index.rows - ROWS]:
            query = np.asarray(later.vectors[row - ROWS], np.float32)  # type: ignore[index]
            found = index.search(query, 10)
            true = ExactIndex(index.segments, "inner").search(query, 10)
            assert row not in true.rows[:1] or row in found.rows
            kept = index.search(query, 10, eligible=eligible_of(allowed)).rows
            assert allowed[kept].all()
            assert row in kept or row not in found.rows or not allowed[row]


def _until(segment: Segment, rows: int) -> Segment:
    vectors = None if segment.vectors is None else segment.vectors[:rows]
    return Segment(segment.first_row, vectors, segment.codes[:rows], segment.scales[:rows])


def test_a_vector_belongs_to_its_nearest_centroid() -> None:
    snapshot, lists, _ = listed("inner")
    base, clusters = snapshot.segments[0], lists.clusters
    x = np.asarray(base.vectors[:500], np.float64)
    distances = ((x[:, None] - clusters.centroids[None]) ** 2).sum(axis=2)
    agrees = clusters.assign(base.codes[:500], base.scales[:500]) == distances.argmin(axis=1)
    assert agrees.mean() >= 0.95  # but for int8 and groups that are not looked into


def test_more_results_take_a_longer_way() -> None:
    assert NARROW.reaching(7) is NARROW
    assert NARROW.reaching(25) == Probing(rows=2400, groups=18, shortlist=900, k=25)
    assert NARROW.reaching(10_000).shortlist == 30_000


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"groups": 0}, {"groups": 1.5}, {"shortlist": 30_001}, {"k": True}]
)
def test_a_probing_must_be_possible(wrong: dict[str, Any]) -> None:
    settings = {"rows": 800, "groups": 6, "shortlist": 300, "k": 10}
    with pytest.raises(ValueRangeError):
        Probing(**{**settings, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"bounds": np.array([0, 1], np.int64)},
        {"bounds": np.array([0, 2, 1], np.int64)},
        {"bounds": np.array([0, 1, 3], np.int32)},
        {"groups": np.zeros((2, 4), np.float32)},
        {"centroids": np.full((3, 5), np.nan, np.float32)},
        {"centroids": np.full((3, 5), 1e20, np.float32)},
        {"centroids": np.zeros((3, 5))},
    ],
)
def test_clusters_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    arrays: dict[str, Any] = {
        "groups": np.zeros((2, 5), np.float32),
        "bounds": np.array([0, 1, 3], np.int64),
        "centroids": np.zeros((3, 5), np.float32),
    }
    Clusters(**arrays)
    with pytest.raises(BundleCorruptError):
        Clusters(**{**arrays, **wrong})


def test_there_may_be_more_lists_than_one_call_ranks() -> None:
    x = np.random.default_rng(5).standard_normal((40_000, 4)).astype(np.float32)
    clusters = Clusters(x[::200], np.arange(0, 40_001, 200), x)
    segment = Segment.of(x)
    lists = Lists.of(clusters, np.arange(40_000, dtype=np.int32), segment)
    router = Router(lists, "inner", 1.0)
    query = x[7]
    nearest, _ = router.nearest(coded(query), norm_of(query), 200, len(lists))
    assert nearest.size == MAX_FOUND
    index = ListIndex(router, (segment,), Probing(rows=40_000, groups=200, shortlist=200, k=10))
    exact = ExactIndex((segment,), "inner")
    assert index.search(query, 10).rows.tolist() == exact.search(query, 10).rows.tolist()
