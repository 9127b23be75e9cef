"""Every index keeps the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgerec.catalog.snapshot import Snapshot
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.faiss import FaissIndex, FaissLists, train_lists
from edgerec.retrieval.index import Index
from tests.contracts.indexes import *  # noqa: F403 (the suite)


def faiss_index(lists: int, probes: int) -> Callable[[Snapshot], Index]:
    def make(snapshot: Snapshot) -> Index:
        base = snapshot.segments[0]
        count = min(lists, base.rows)
        trained = FaissLists(train_lists(base.vectors, count))
        return FaissIndex(trained, snapshot.segments, min(probes, count))

    return make


INDEXES: dict[str, Callable[[Snapshot], Index]] = {
    "exact": lambda snapshot: ExactIndex(snapshot.segments),
    "ivf, one list of four": faiss_index(4, 1),
    "ivf, all lists": faiss_index(3, 3),
}


@pytest.fixture(params=INDEXES, scope="module")
def make(request: pytest.FixtureRequest) -> Callable[[Snapshot], Index]:
    return INDEXES[request.param]
