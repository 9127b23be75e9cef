"""Drift is noticed where there is some, nowhere else, and gone after a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target

DIM, ROWS = 16, 8000


def clumps(rows: int, *, centres: int, draw: int) -> Any:
    rng = np.random.default_rng(draw)
    x = np.random.default_rng(centres).standard_normal((60, DIM))[rng.integers(60, size=rows)]
    return (x + 0.3 * rng.standard_normal((rows, DIM))).astype(np.float32)


def items(prefix: str, rows: int) -> Items:
    return Items(tuple(f"{prefix}{i}" for i in range(rows)), {}, ())


@pytest.fixture(scope="module", params=["inner", "cosine", "l2"])
def built(request: pytest.FixtureRequest) -> Retriever:
    vectors = clumps(ROWS, centres=0, draw=0)
    catalog = Catalog(items("a", ROWS), vectors, metric=request.param)
    return Retriever.build(catalog, Target(k=10, recall=0.9, index="lists"))


def opened(built: Retriever) -> Retriever:
    """Another catalogue with the same lists."""
    now = built.catalog.snapshot()
    index = built.index_for(now, now.eligible())
    return Retriever(Catalog.at(now), built.strategy, index)


def test_rows_like_those_before_are_no_drift(built: Retriever) -> None:
    retriever = opened(built)
    retriever.catalog.upsert(items("b", 3000), clumps(3000, centres=0, draw=1))
    drift = retriever.drift()
    assert drift is not None
    assert drift.placed_share == pytest.approx(3 / 11)
    assert 0.9 < drift.ratio < 1.25
    assert drift.advice is None


def test_rows_from_elsewhere_are_and_a_training_ends_it(built: Retriever) -> None:
    retriever = opened(built)
    retriever.catalog.upsert(items("b", 3000), clumps(3000, centres=7, draw=1))
    before = retriever.drift()
    assert before is not None
    assert before.placed_ratio > 1.5
    assert before.advice is not None
    assert "train the lists anew" in before.advice
    retriever.compaction().run()
    kept = retriever.drift()
    assert kept is not None
    assert kept.placed_share == 0
    assert kept.ratio == pytest.approx(before.ratio, rel=0.05)
    retriever.compaction(retrain=True).run()
    after = retriever.drift()
    assert after is not None
    assert after.ratio == pytest.approx(1)
    assert after.advice is None


def test_few_rows_from_elsewhere_are_left_alone(built: Retriever) -> None:
    retriever = opened(built)
    retriever.catalog.upsert(items("b", 20), clumps(20, centres=7, draw=1))
    drift = retriever.drift()
    assert drift is not None
    assert drift.advice is None
