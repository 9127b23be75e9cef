"""The exact index: bit for bit what its definition says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.vectors import LARGEST, MAX_DIM, METRICS, Kept, Metric
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import shortlist_size
from tests.contracts.indexes import DIM, eligible_of, pairs, snapshot_of
from tests.oracles import retrieval as oracle
from tests.strategies import catalogs


@catalogs.patient
@given(st.data(), st.sampled_from([1, 9, 10, 11, 14]))
def test_it_is_the_definition(data: st.DataObject, k: int) -> None:
    first = data.draw(catalogs.vectors(data.draw(st.integers(1, 70)), DIM))
    later = data.draw(catalogs.vectors(data.draw(st.integers(0, 30)), DIM))
    snapshot, query = snapshot_of(first, later), data.draw(catalogs.queries(DIM))
    mask = np.random.default_rng(data.draw(st.integers(0, 99))).random(snapshot.rows) < 0.8
    hits = ExactIndex(snapshot.segments).search(query, k, eligible=eligible_of(mask))
    vectors = np.concatenate([first, later])
    assert pairs(hits) == oracle.search(query, vectors, np.flatnonzero(mask).tolist(), k)


@pytest.mark.parametrize("k", [3334, 5000, 10_000])
def test_a_shortlist_longer_than_one_scan_gives(k: int) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((32_000, 4)).astype(np.float32)
    query = rng.standard_normal(4).astype(np.float32)
    mask = np.arange(32_000) % 16 != 3
    hits = ExactIndex(snapshot_of(vectors[:31_003], vectors[31_003:]).segments).search(
        query, k, eligible=eligible_of(mask)
    )
    scores = vectors.astype(np.float64) @ query
    best = np.flatnonzero(mask)[np.argsort(-scores[mask])]
    assert shortlist_size(k) > 10_000
    assert len(set(hits.rows.tolist())) == k
    assert mask[hits.rows].all()
    assert np.isin(best[: k - 100], hits.rows).all()  # codes may misjudge the last few
    assert (np.diff(hits.scores) <= 0).all()


def test_it_finds_the_true_best() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((20_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = ExactIndex(snapshot_of(vectors).segments)
    for query in rng.standard_normal((20, 64)).astype(np.float32):
        truth = np.argsort(-(vectors @ query), kind="stable")[:10]
        assert index.search(query, 10).rows.tolist() == truth.tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_it_finds_the_true_best_by_every_metric(metric: Metric) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((3000, 32)).astype(np.float32)
    vectors *= rng.uniform(0.5, 2, (3000, 1)).astype(np.float32)
    items = Items(tuple(f"a{i}" for i in range(3000)), {}, ())
    snapshot = Catalog(items, vectors, metric=metric).snapshot()
    index = ExactIndex(snapshot.segments, metric)
    for query in rng.standard_normal((10, 32)).astype(np.float32):
        hits = index.search(query, 10)
        wide, x = query.astype(np.float64), vectors.astype(np.float64)
        products, squares = x @ wide, (x * x).sum(axis=1)
        scores = {
            "inner": products,
            "cosine": products / np.sqrt(squares * (wide @ wide)),
            "l2": 2 * products - squares - wide @ wide,
        }[metric]
        assert hits.rows.tolist() == np.argsort(-scores, kind="stable")[:10].tolist()
        np.testing.assert_allclose(hits.scores, scores[hits.rows], rtol=1e-4)


@pytest.mark.parametrize("kept", ["float16", "none"])
@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_exact_for_what_is_kept(metric: Metric, kept: Kept) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((500, 24)).astype(np.float32)
    snapshot = snapshot_of(vectors[:450], vectors[450:], metric=metric, kept=kept)
    index = ExactIndex(snapshot.segments, metric)
    x = snapshot.vectors_of(np.arange(500)).astype(np.float64)
    for query in rng.standard_normal((5, 24)).astype(np.float32):
        hits = index.search(query, 10)
        wide = query.astype(np.float64)
        products, squares = x @ wide, (x * x).sum(axis=1)
        scores = {
            "inner": products,
            "cosine": products / np.sqrt(squares * (wide @ wide)),
            "l2": 2 * products - squares - wide @ wide,
        }[metric]
        assert hits.rows.tolist() == np.argsort(-scores, kind="stable")[:10].tolist()
        np.testing.assert_allclose(hits.scores, scores[hits.rows], rtol=1e-4)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_that_share_a_search_change_nothing(threads: int) -> None:
    rng = np.random.default_rng(6)
    vectors = rng.integers(-2, 3, (50_000, 8)).astype(np.float32)  # many equal scores
    segments = snapshot_of(vectors[:40_001], vectors[40_001:]).segments
    alone, shared = ExactIndex(segments), ExactIndex(segments, threads=threads)
    mask = rng.random(50_000) < 0.5
    for eligible in (None, eligible_of(mask)):
        queries = rng.integers(-2, 3, (5, 8)).astype(np.float32)
        wanted = [pairs(alone.search(query, 20, eligible=eligible)) for query in queries]
        assert [pairs(shared.search(q, 20, eligible=eligible)) for q in queries] == wanted
        many = shared.search_many(queries, 20, eligible=eligible)
        assert [pairs(hits) for hits in many] == wanted


def test_it_needs_no_faiss() -> None:
    script = (
        "import sys, numpy as np\n"
        "from edgerec.catalog.vectors import Segment\n"
        "from edgerec.retrieval.exact import ExactIndex\n"
        "import edgerec.retrieval.retriever\n"
        "x = np.eye(4, dtype=np.float32)\n"
        "assert ExactIndex((Segment.of(x),)).search(x[2], 1).rows.tolist() == [2]\n"
        "assert 'faiss' not in sys.modules, 'faiss was imported'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_largest_numbers_do_not_overflow() -> None:
    largest = np.full((2, MAX_DIM), LARGEST, np.float32)
    hits = ExactIndex(snapshot_of(largest).segments).search(largest[0], 2)
    assert hits.rows.tolist() == [0, 1]
    assert np.isfinite(hits.scores).all()
