"""Sketches: what they find among many rows, and what a bundle may not hold."""

from __future__ import annotations

import numpy as np
import pytest

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.vectors import METRICS, Metric
from edgerec.errors import BundleCorruptError
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.rotation import Rotation
from edgerec.retrieval.sketch import Sketches, SketchIndex, sketch_bits


@pytest.mark.parametrize(("dim", "bits"), [(1, 128), (64, 128), (128, 128), (129, 192), (384, 384)])
def test_a_sketch_has_a_bit_a_dimension_in_whole_words(dim: int, bits: int) -> None:
    assert sketch_bits(dim) == bits


@pytest.mark.parametrize("metric", METRICS)
def test_a_shortlist_of_a_twentieth_holds_nearly_all_of_the_best(metric: Metric) -> None:
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((40, 64))
    vectors = centres[rng.integers(40, size=8000)] + 0.6 * rng.standard_normal((8000, 64))
    vectors = (vectors * rng.uniform(0.5, 2, (8000, 1))).astype(np.float32)
    snapshot = Catalog(
        Items(tuple(f"a{i}" for i in range(8000)), {}, ()), vectors, metric=metric
    ).snapshot()
    exact = ExactIndex(snapshot.segments, metric)
    index = SketchIndex(Sketches.of(snapshot.segments[0]), snapshot.segments, 400, metric)
    shared = SketchIndex(index.sketches, snapshot.segments, 400, metric, threads=3)
    queries = vectors[rng.integers(8000, size=30)] + rng.standard_normal((30, 64)).astype(
        np.float32
    )
    found = 0
    for query, many in zip(queries, shared.search_many(queries, 10), strict=True):
        hits = index.search(query, 10)
        found += np.isin(exact.search(query, 10).rows, hits.rows).sum()
        assert many.rows.tolist() == hits.rows.tolist()
        assert shared.search(query, 10).rows.tolist() == hits.rows.tolist()
    assert found >= 0.95 * 300


@pytest.mark.parametrize(
    ("bits", "factors"),
    [
        (np.zeros((3, 1), np.uint64), np.ones(3, np.float32)),
        (np.zeros((2, 2), np.uint64), np.ones(3, np.float32)),
        (np.zeros((3, 2), np.int64), np.ones(3, np.float32)),
        (np.zeros((3, 2), np.uint64), np.ones(3, np.float64)),
        (np.zeros((3, 2), np.uint64), np.array([1, np.nan, 1], np.float32)),
        (np.zeros((3, 2), np.uint64), np.array([1, -1, 1], np.float32)),
        (np.zeros((0, 2), np.uint64), np.ones(0, np.float32)),
    ],
)
def test_arrays_that_are_no_sketches_are_refused(bits: object, factors: object) -> None:
    with pytest.raises(BundleCorruptError):
        Sketches(Rotation(4, 128, 0), np.zeros(4, np.float32), bits, factors)  # type: ignore[arg-type]
