"""What every index promises. A test module offers ``make`` and imports all of this.

``make(snapshot)`` gives an index of the snapshot's segments; an approximate one is trained on the
first of them alone, so that the others are rows that came later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible, count, pack
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import KEPT, Kept, Metric
from edgerec.errors import InvalidInput, ShapeError, ValueRangeError
from edgerec.retrieval.index import Hits, Index
from tests.oracles import retrieval as oracle
from tests.strategies import catalogs

__all__ = [
    "Make",
    "eligible_of",
    "snapshot_of",
    "test_a_bitmap_of_another_snapshot_is_refused",
    "test_a_query_must_fit",
    "test_a_single_eligible_row_is_found",
    "test_equal_scores_are_ordered_by_row",
    "test_few_eligible_rows_are_ranked_without_a_miss",
    "test_k_is_bounded",
    "test_k_results_whenever_k_rows_are_eligible",
    "test_many_queries_are_answered_as_each_alone",
    "test_many_queries_must_fit",
    "test_threads_see_the_same",
]

DIM = 20  # no multiple of a vector register
Make = Callable[[Snapshot], Index]


def snapshot_of(
    first: NDArray[Any],
    later: NDArray[Any] | None = None,
    *,
    delete: Iterable[str] = (),
    metric: Metric = "inner",
    kept: Kept | None = None,
) -> Snapshot:
    """A catalogue without attributes, ``later`` upserted."""
    items = Items(tuple(f"a{i}" for i in range(len(first))), {}, ())
    catalog = Catalog(items, first, metric=metric, originals=kept)
    if later is not None and len(later):
        catalog.upsert(Items(tuple(f"b{i}" for i in range(len(later))), {}, ()), later)
    catalog.delete(delete)
    return catalog.snapshot()


def eligible_of(mask: NDArray[np.bool_]) -> Eligible:
    bitmap = pack(mask)
    return Eligible(bitmap, count(bitmap), mask.size)


@st.composite
def cases(
    draw: st.DrawFn, max_rows: int = 120
) -> tuple[Snapshot, NDArray[np.float32], Eligible | None]:
    """A snapshot of one or two segments, a query, and a filter from all down to nothing."""
    dtype = draw(st.sampled_from(["float32", "float16"]))
    rows, later = draw(st.integers(1, max_rows)), draw(st.sampled_from([0, 0, 1, 45]))
    snapshot = snapshot_of(
        draw(catalogs.vectors(rows, DIM, dtype)),
        draw(catalogs.vectors(later, DIM, dtype)),
        kept=draw(st.sampled_from([None, *KEPT])),
    )
    share = draw(st.sampled_from([None, 1.0, 0.9, 0.5, 0.1, 0.02, 0.0]))
    if share is None:
        return snapshot, draw(catalogs.queries(DIM)), None
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return snapshot, draw(catalogs.queries(DIM)), eligible_of(rng.random(rows + later) < share)


def rows_of(snapshot: Snapshot, eligible: Eligible | None) -> list[int]:
    if eligible is None:
        return list(range(snapshot.rows))
    bits = np.unpackbits(eligible.bitmap, count=eligible.rows, bitorder="little")
    return np.flatnonzero(bits).tolist()  # type: ignore[no-any-return]


def kept_vectors(snapshot: Snapshot) -> NDArray[Any]:
    """What scores are exact for: the originals, or without them what the codes say."""
    return np.concatenate(
        [s.codes * s.scales[:, None] if s.vectors is None else s.vectors for s in snapshot.segments]
    )


def pairs(hits: Hits) -> list[tuple[int, float]]:
    return list(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True))


@catalogs.patient
@given(cases(), st.sampled_from([1, 2, 7, 10, 11, 60, 10_000]))
def test_k_results_whenever_k_rows_are_eligible(
    make: Make, case: tuple[Snapshot, NDArray[np.float32], Eligible | None], k: int
) -> None:
    snapshot, query, eligible = case
    hits = make(snapshot).search(query, k, eligible=eligible)
    allowed, vectors = rows_of(snapshot, eligible), kept_vectors(snapshot)
    assert hits.rows.dtype == np.int32
    assert hits.scores.dtype == np.float32
    assert len(hits) == min(k, len(allowed))
    assert set(hits.rows.tolist()) <= set(allowed)
    assert pairs(hits) == sorted(
        ((row, oracle.inner_product(query, vectors[row])) for row in set(hits.rows.tolist())),
        key=lambda pair: (-pair[1], pair[0]),
    )


@catalogs.patient
@given(cases(max_rows=60), st.sampled_from([1, 10, 30]))
def test_few_eligible_rows_are_ranked_without_a_miss(
    make: Make, case: tuple[Snapshot, NDArray[np.float32], Eligible | None], k: int
) -> None:
    snapshot, query, eligible = case
    allowed = rows_of(snapshot, eligible)[: max(30, 3 * k)]
    mask = np.zeros(snapshot.rows, np.bool_)
    mask[allowed] = True
    hits = make(snapshot).search(query, k, eligible=eligible_of(mask))
    assert pairs(hits) == oracle.search(query, kept_vectors(snapshot), allowed, k)


@pytest.mark.parametrize("row", [0, 1, 7, 8, 199, 200, 201, 249])
def test_a_single_eligible_row_is_found(make: Make, row: int) -> None:
    rng = np.random.default_rng(5)
    snapshot = snapshot_of(
        rng.standard_normal((200, DIM), np.float32), rng.standard_normal((50, DIM), np.float32)
    )
    mask = np.zeros(250, np.bool_)
    mask[row] = True
    for k in (1, 10, 10_000):
        hits = make(snapshot).search(
            rng.standard_normal(DIM, np.float32), k, eligible=eligible_of(mask)
        )
        assert hits.rows.tolist() == [row]


@pytest.mark.parametrize("k", [1, 5, 40])
def test_equal_scores_are_ordered_by_row(make: Make, k: int) -> None:
    snapshot = snapshot_of(np.ones((70, DIM), np.float32), np.ones((9, DIM), np.float32))
    mask = np.arange(79) % 2 == 1
    hits = make(snapshot).search(np.ones(DIM, np.float32), k, eligible=eligible_of(mask))
    assert len(hits) == min(k, 39)
    assert hits.rows.tolist() == sorted(hits.rows.tolist())


@pytest.mark.parametrize("k", [0, -1, 10_001, 10**9, 2**70, True, False, 1.0, "5", None, [3]])
def test_k_is_bounded(make: Make, k: Any) -> None:
    index = make(snapshot_of(np.eye(DIM, dtype=np.float32)))
    with pytest.raises(ValueRangeError, match="from 1 to 10000"):
        index.search(np.ones(DIM, np.float32), k)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (np.ones(DIM, np.float64), ShapeError),
        (np.ones(DIM, np.int8), ShapeError),
        (np.ones(DIM - 1, np.float32), ShapeError),
        (np.ones((1, DIM), np.float32), ShapeError),
        ([1.0] * DIM, ShapeError),
        (None, ShapeError),
        (np.full(DIM, np.nan, np.float32), ValueRangeError),
        (np.full(DIM, -np.inf, np.float32), ValueRangeError),
        (np.full(DIM, 1.1e16, np.float32), ValueRangeError),
    ],
)
def test_a_query_must_fit(make: Make, query: Any, error: type[InvalidInput]) -> None:
    index = make(snapshot_of(np.eye(DIM, dtype=np.float32)))
    with pytest.raises(error, match="query"):
        index.search(query, 3)


def test_a_bitmap_of_another_snapshot_is_refused(make: Make) -> None:
    index = make(snapshot_of(np.eye(DIM, dtype=np.float32)))
    with pytest.raises(ShapeError, match="snapshot"):
        index.search(np.ones(DIM, np.float32), 3, eligible=eligible_of(np.ones(DIM + 1, np.bool_)))


@catalogs.patient
@given(cases(), st.sampled_from([0, 1, 2, 70]), st.sampled_from([1, 11, 60]))
def test_many_queries_are_answered_as_each_alone(
    make: Make, case: tuple[Snapshot, NDArray[np.float32], Eligible | None], count: int, k: int
) -> None:
    snapshot, query, eligible = case
    index = make(snapshot)
    turned = [np.roll(query, place) * np.float32(1 + place % 3) for place in range(count)]
    queries = np.array(turned, np.float32).reshape(count, DIM)
    together = index.search_many(queries, k, eligible=eligible)
    assert [pairs(hits) for hits in together] == [
        pairs(index.search(query, k, eligible=eligible)) for query in queries
    ]


@pytest.mark.parametrize(
    ("queries", "error"),
    [
        (np.ones((2, DIM), np.float64), ShapeError),
        (np.ones((2, DIM + 1), np.float32), ShapeError),
        (np.ones(DIM, np.float32), ShapeError),
        ([[1.0] * DIM], ShapeError),
        (np.full((2, DIM), np.nan, np.float32), ValueRangeError),
    ],
)
def test_many_queries_must_fit(make: Make, queries: Any, error: type[InvalidInput]) -> None:
    index = make(snapshot_of(np.eye(DIM, dtype=np.float32)))
    with pytest.raises(error, match="queries"):
        index.search_many(queries, 3)


def test_threads_see_the_same(make: Make) -> None:
    rng = np.random.default_rng(3)
    snapshot = snapshot_of(rng.standard_normal((400, DIM), np.float32))
    index = make(snapshot)
    queries = rng.standard_normal((2 * DIM, 64), np.float32).T[:, ::2]  # strided
    queries.flags.writeable = False
    alone = [pairs(index.search(query, 10)) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda query: pairs(index.search(query, 10)), queries))
    assert together == alone
