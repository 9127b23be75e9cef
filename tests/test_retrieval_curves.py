"""Curves: the truth is the definition's, efforts go further, peers are what they are called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.errors import InvalidInput, MissingDependency, ShapeError, ValueRangeError
from edgerec.retrieval.curves import Truth, compare
from edgerec.retrieval.efforts import efforts
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.peers import known
from edgerec.retrieval.peers import peer as peer_module
from edgerec.retrieval.peers.known import PEERS, peers_named
from edgerec.retrieval.peers.peer import Peer
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target

ROWS, DIM = 600, 16


def drawn(rows: int = ROWS, dim: int = DIM, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def catalog(rows: int = ROWS, metric: Any = "inner", **options: Any) -> Catalog:
    ids = tuple(str(row) for row in range(rows))
    return Catalog(Items(ids, {}, ()), drawn(rows), metric=metric, **options)


def scored(metric: str, query: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.float64]:
    """From the definition; distances are negated."""
    q, x = query.astype(np.float64), vectors.astype(np.float64)
    return -((x - q) ** 2).sum(1) if metric == "l2" else x @ q


@given(
    rows=st.integers(1, 60),
    k=st.integers(1, 70),
    metric=st.sampled_from(["inner", "l2"]),
    whole=st.booleans(),
    seed=st.integers(0, 20),
)
@settings(max_examples=60, deadline=None)
def test_the_truth_is_the_definitions(
    rows: int, k: int, metric: Any, whole: bool, seed: int
) -> None:
    vectors, queries = drawn(rows, 3, seed), drawn(4, 3, seed + 1)
    if whole:  # many rows score alike
        vectors, queries = np.round(vectors), np.round(queries)
    truth, k = Truth(vectors, queries, metric, k), min(k, rows)
    for number, query in enumerate(queries):
        order = np.argsort(-scored(metric, query, vectors), kind="stable")
        assert truth.recall(number, order[:k]) == 1
        assert truth.recall(number, order[: k // 2]) == pytest.approx((k // 2) / k)
        assert truth.recall(number, np.repeat(order[:1], k)) == pytest.approx(1 / k)
        assert truth.recall(number, np.array([-1, rows, 2**40])) == 0
        worst = scored(metric, query, vectors)[order]
        if worst[-1] < worst[k - 1] - 1e-3:
            assert truth.recall(number, order[-1:]) == 0


@pytest.mark.parametrize("kind", ["sketch", "lists", "IVF16,SQ8", "HNSW8"])
def test_efforts_go_from_little_to_much(kind: str) -> None:
    retriever = Retriever.build(catalog(), Target(k=5, recall=0.8, index=kind))
    snapshot = retriever.catalog.snapshot()
    chosen = retriever.index_for(snapshot, snapshot.eligible())
    found = list(efforts(chosen, 5))
    words = [word for word, _ in found]
    assert len(set(words)) == len(words)
    assert all(index.kind == chosen.kind for _, index in found)
    assert len(found) > 1
    assert chosen.kind == (kind if kind in ("sketch", "lists") else "faiss")
    if isinstance(chosen, ListIndex):
        rows = [index.probing.rows for _, index in found if isinstance(index, ListIndex)]
        assert chosen.probing.rows in rows
        assert rows == sorted(rows)
    query = drawn(1, seed=3)[0]
    for _, index in found:
        assert len(index.search(query, 5)) == 5


def test_an_exact_scan_has_one_effort() -> None:
    now = catalog().snapshot()
    index = Retriever.exact(catalog(), "asked").index_for(now, now.eligible())
    assert [words for words, _ in efforts(index, 5)] == [""]


@pytest.mark.parametrize("metric", ["inner", "cosine", "l2"])
def test_what_is_compared_finds_what_it_should(metric: Any) -> None:
    faiss = [peer for peer in PEERS if peer.package == "faiss"]
    retriever = Retriever.build(catalog(metric=metric), Target(k=5, recall=0.9, index="lists"))
    snapshot = retriever.catalog.snapshot()
    lines: list[str] = []
    found = compare(snapshot, retriever, k=5, peers=faiss, progress=lines.append)
    assert [curve.name for curve in found.curves] == [
        *("edgerec exact", "edgerec lists", "faiss-hnsw", "faiss-ivf")
    ]
    for curve in found.curves:
        assert max(point.recall for point in curve.points) >= 0.95, curve.name
        assert all(0 < point.median_us <= point.p99_us for point in curve.points)
    assert found.curves[0].points[0].recall == 1
    assert (found.rows, found.dim, found.metric, found.queries) == (ROWS, DIM, metric, 512)
    assert len(lines) == 2 + 2 * len(faiss)


def test_rows_that_are_gone_are_compared_with_nobody() -> None:
    items = catalog()
    items.delete([str(row) for row in range(0, ROWS, 2)])
    retriever = Retriever.exact(items, "asked")
    faiss = peers_named("faiss-ivf")
    found = compare(items.snapshot(), retriever, k=ROWS, queries=drawn(8, seed=5), peers=faiss)
    assert (found.rows, found.k, found.queries) == (ROWS // 2, ROWS // 2, 8)
    assert [curve.points[-1].recall for curve in found.curves] == [1.0, 1.0]


def test_a_peer_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "SAMPLE_ROWS", 64)
    items = catalog()
    retriever = Retriever.exact(items, "asked")
    peers = peers_named("faiss-hnsw")
    found = compare(items.snapshot(), retriever, k=3, peers=peers, build_limit_s=0.0)
    assert [curve.name for curve in found.curves] == ["edgerec exact"]
    assert "limit is 0 s" in found.left_out["faiss-hnsw"]


def test_vectors_that_are_not_kept_are_compared_by_their_codes() -> None:
    items = catalog(originals="none")
    found = compare(items.snapshot(), Retriever.exact(items, "asked"), k=5)
    assert found.curves[0].points[0].recall == 1


def test_what_no_search_takes_is_refused() -> None:
    items = catalog(20)
    retriever = Retriever.exact(items, "asked")
    with pytest.raises(ShapeError):
        compare(items.snapshot(), retriever, k=5, queries=drawn(3, DIM + 1))
    with pytest.raises(ValueRangeError):
        compare(items.snapshot(), retriever, k=0)


def test_peers_are_found_by_library_or_by_form() -> None:
    assert [peer.name for peer in peers_named("faiss")] == ["faiss-hnsw", "faiss-ivf"]
    assert [peer.name for peer in peers_named("faiss-ivf, faiss")] == ["faiss-ivf", "faiss-hnsw"]
    assert peers_named("") == []
    assert peers_named(None) == list(PEERS)
    with pytest.raises(InvalidInput, match="faiss, hnswlib"):
        peers_named("faiss,none")


def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(PEERS[0], name="absent", package="edgerec_absent")
    monkeypatch.setattr(known, "PEERS", (*PEERS, absent))
    with pytest.raises(MissingDependency, match="absent"):
        peers_named("absent")
    items = catalog(50)
    found = compare(items.snapshot(), Retriever.exact(items, "asked"), k=3, peers=[absent])
    assert found.left_out == {"absent": "edgerec_absent is not installed"}


def test_a_peer_that_cannot_be_asked_for_so_many_is_left_out() -> None:
    zvec = next(peer for peer in PEERS if peer.name == "zvec")
    assert zvec.efforts(100, 2048) == [100, 128, 200, 256, 400, 512, 1024]
    assert not zvec.efforts(2049, 2048)
    if not zvec.installed:
        pytest.skip("zvec is not installed")
    items = catalog(2100)
    found = compare(items.snapshot(), Retriever.exact(items, "asked"), k=2049, peers=[zvec])
    assert found.left_out == {"zvec": "it cannot be asked for 2049"}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("l2", [False, True])
def test_a_peer_finds_the_nearest(peer: Peer, l2: bool, tmp_path: Path) -> None:
    if not peer.installed:
        pytest.skip(f"{peer.package} is not installed")
    vectors, queries = drawn(2000, DIM), drawn(20, DIM, seed=4)
    searches = peer.searches(vectors, l2, 5)
    *_, search = searches.values()
    truth = Truth(vectors, queries, "l2" if l2 else "inner", 5)
    recalls = [truth.recall(place, search(query)) for place, query in enumerate(queries)]
    assert np.mean(recalls) >= 0.9
