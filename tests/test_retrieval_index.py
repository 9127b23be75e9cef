"""Every index keeps the contract; what it is asked is checked, however quickly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import LARGEST
from edgerec.errors import ValueRangeError
from edgerec.retrieval.clusters import train_clusters
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.factory import Factory
from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.faiss_rows import FaissRows
from edgerec.retrieval.index import Index, check_search, check_search_many
from edgerec.retrieval.inverted import Lists, Placed
from edgerec.retrieval.lists import ListIndex, Probing
from edgerec.retrieval.routing import Router
from edgerec.retrieval.sketch import Sketches, SketchIndex
from tests.contracts.indexes import *  # noqa: F403 (the suite)

BEYOND = float(np.nextafter(np.float32(LARGEST), np.float32(np.inf)))
NUMBERS = st.floats(width=32) | st.sampled_from([LARGEST, -LARGEST, BEYOND, -BEYOND])


def faiss_index(factory: str, effort: int) -> Callable[[Snapshot], Index]:
    def make(snapshot: Snapshot) -> Index:
        base = snapshot.segments[0]
        parsed = Factory.parse(factory)
        if parsed.lists:
            parsed = replace(parsed, lists=min(parsed.lists, base.rows))
        return FaissIndex(FaissRows.of(base, parsed), snapshot.segments, effort)

    return make


def sketch_index(shortlist: int) -> Callable[[Snapshot], Index]:
    def make(snapshot: Snapshot) -> Index:
        return SketchIndex(Sketches.of(snapshot.segments[0]), snapshot.segments, shortlist)

    return make


def list_index(
    clusters: int, probing: Probing, *, place: bool = True
) -> Callable[[Snapshot], Index]:
    def make(snapshot: Snapshot) -> Index:
        base = snapshot.segments[0]
        trained = train_clusters(base.take(slice(None)), min(clusters, base.rows))
        places = np.sort(trained.assign(base.codes, base.scales))  # rows lie as they came
        lists = Lists.of(trained, places, base)
        placed = Placed.nothing(lists)
        for segment in snapshot.segments[1:] if place else ():
            placed = placed.extended(lists, segment)
        return ListIndex(Router(lists, "inner", 2.0), snapshot.segments, probing, placed)

    return make


INDEXES: dict[str, Callable[[Snapshot], Index]] = {
    "exact": lambda snapshot: ExactIndex(snapshot.segments),
    "sketch": sketch_index(40),
    "lists, few": list_index(4, Probing(rows=20, groups=1, shortlist=40, k=10)),
    "lists, all, by codes": list_index(9, Probing(rows=999, groups=9, shortlist=0, k=1)),
    "lists, later rows scanned": list_index(
        5, Probing(rows=50, groups=2, shortlist=30, k=10), place=False
    ),
    "faiss, one list of four": faiss_index("IVF4,SQ8", 1),
    "faiss, all lists": faiss_index("IVF3,Flat", 3),
    "faiss, fast scan": faiss_index("IVF4_HNSW4,PQ5x4fsr", 2),
    "faiss, graph": faiss_index("HNSW8,SQ8", 16),
    "faiss, codes": faiss_index("RR,RaBitQ", 1),
    "faiss, no selectors": faiss_index("PQ5x4fs", 1),
}


@pytest.fixture(params=INDEXES, scope="module")
def make(request: pytest.FixtureRequest) -> Callable[[Snapshot], Index]:
    return INDEXES[request.param]


@given(st.lists(NUMBERS, min_size=1, max_size=70))
def test_a_query_is_taken_if_every_number_is_within_the_limit(numbers: list[float]) -> None:
    query = np.array(numbers, np.float32)
    dim = query.size
    if all(abs(number) <= np.float32(LARGEST) for number in query):
        checked, k = check_search(query, 3, None, dim=dim, rows=9)
        many, _ = check_search_many(query[None], 3, None, dim=dim, rows=9)
        assert np.array_equal(checked, query)
        assert np.array_equal(many[0], query)
        assert k == 3
        return
    with pytest.raises(ValueRangeError):
        check_search(query, 3, None, dim=dim, rows=9)
    with pytest.raises(ValueRangeError):
        check_search_many(query[None], 3, None, dim=dim, rows=9)


def test_a_query_in_another_layout_comes_back_contiguous() -> None:
    query = np.arange(12, dtype=np.float32)[::3]
    checked, k = check_search(query, np.int64(4), None, dim=4, rows=9)
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, query)
    assert type(k) is int
