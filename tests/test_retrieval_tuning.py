"""What tuning foretells is what searches find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgerec.catalog.vectors import Metric
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.listing import Listing
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.sketch import Sketches, SketchIndex
from edgerec.retrieval.tuning import probings, shortlist
from tests.contracts.indexes import snapshot_of

DIM, ROWS, K = 24, 6000, 10


def sample(rows: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, DIM))[rng.integers(60, size=rows)]
    return (x + 0.4 * rng.standard_normal((rows, DIM))).astype(np.float32)


def truth_of(segments: Any, metric: Metric, queries: Any) -> Any:
    return np.stack([h.rows for h in ExactIndex(segments, metric).search_many(queries, K)])


def recall(index: Any, queries: Any, truth: Any) -> float:
    found = index.search_many(queries, K)
    pairs = zip(found, truth, strict=True)
    return float(np.mean([np.isin(true, hits.rows).mean() for hits, true in pairs]))


@pytest.mark.parametrize("metric", ["inner", "cosine", "l2"])
@pytest.mark.parametrize("wanted", [0.8, 0.97, 1.0])
def test_a_shortlist_has_the_recall_that_was_asked_for(metric: Metric, wanted: float) -> None:
    segments = snapshot_of(sample(ROWS), metric=metric).segments
    sketches, queries = Sketches.of(segments[0]), sample(60, seed=1)
    truth = truth_of(segments, metric, queries)
    count = shortlist(sketches, segments[0], queries, truth, wanted)
    assert count is not None
    assert recall(SketchIndex(sketches, segments, count, metric), queries, truth) >= wanted
    # One less holds less of the truth, as far as sketches alone say.
    fewer = shortlist(sketches, segments[0], queries, truth, wanted - 1 / truth.size)
    assert fewer is not None
    assert fewer <= count


@pytest.mark.parametrize("metric", ["inner", "cosine", "l2"])
@pytest.mark.parametrize("wanted", [0.8, 0.97])
def test_every_probing_has_the_recall_that_was_asked_for(metric: Metric, wanted: float) -> None:
    listing, before = Listing(), snapshot_of(sample(ROWS), metric=metric)
    snapshot = before.compacted(listing.order(before))
    lists, segments, queries = listing.lists(snapshot), snapshot.segments, sample(60, seed=1)
    truth = truth_of(segments, metric, queries)
    found = list(probings(lists, segments[0], metric, queries, truth, wanted))
    assert any(probing.shortlist == 0 for _, probing in found)
    assert len(found) > 1
    for router, probing in found:
        assert recall(ListIndex(router, segments, probing), queries, truth) >= wanted
