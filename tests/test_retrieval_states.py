"""Any order of changes, searches and compactions of a catalogue in lists, against a dict.

Enough rows come that some are placed into lists and some are not. Compactions go on in another
thread while items change. Searches look into all lists by codes, so that they must find the best.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from numpy.typing import NDArray

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.attributes import Attribute
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.compaction import Compaction
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import METRICS, Metric
from edgerec.retrieval.listing import Listing
from edgerec.retrieval.lists import ListIndex, Probing
from edgerec.retrieval.retriever import PLACED_TOGETHER, Retriever
from edgerec.retrieval.routing import Router
from edgerec.retrieval.strategy import ListSettings, Strategy, Target
from edgerec.values.where import parse_where
from tests.strategies import catalogs

DIM, K = 8, 10
SCHEMA = (Attribute("price", "number"),)
EVERYWHERE = Probing(rows=10**6, groups=10**6, shortlist=0, k=K)
CHEAPEST = 20
CHEAP = {"field": "price", "lt": CHEAPEST}

Vector = NDArray[np.float32]
Model = dict[str, tuple[float, Vector]]


class Shelves(RuleBasedStateMachine):
    """``model`` holds what the catalogue must say: id to price and vector."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.model: Model = {}
        self.came = 0
        self.kept: list[tuple[Snapshot, Model]] = []
        self.compaction: Compaction | None = None

    def teardown(self) -> None:
        if self.compaction is not None:
            self.finish_to_compact()
        shutil.rmtree(self.directory)

    @initialize(rows=st.sampled_from([1, 70, 300]), metric=st.sampled_from(METRICS))
    def build(self, rows: int, metric: Metric) -> None:
        self.metric = metric
        first = Catalog(*self._drawn(rows, 0), metric=metric)
        listing = Listing()
        now = first.snapshot().compacted(listing.order(first.snapshot()))
        lists = listing.lists(now)
        index = ListIndex(Router(lists, metric, 1.0), now.segments, EVERYWHERE)
        strategy = Strategy(
            "lists", now.rows, DIM, Target(K), "a test", ListSettings(EVERYWHERE, 1.0, 1.0)
        )
        self.catalog = Catalog.at(now)
        self.retriever = Retriever(self.catalog, strategy, index)

    def _drawn(self, fresh: int, again: int) -> tuple[Items, Vector]:
        """New items, and others in place of some that are there."""
        rng = np.random.default_rng(self.came)
        names = [f"a{self.came + place}" for place in range(fresh)]
        self.came += max(fresh, 1)
        if self.model and again:
            names += rng.permutation(sorted(self.model))[:again].tolist()
        prices = rng.integers(100, size=len(names)).astype(np.float64)
        vectors = rng.standard_normal((len(names), DIM), np.float32)
        for name, price, vector in zip(names, prices.tolist(), vectors, strict=True):
            self.model[name] = price, vector
            self.latest = vector
        return Items(tuple(names), {"price": prices}, SCHEMA), vectors

    @rule(
        fresh=st.sampled_from([0, 1, 200, PLACED_TOGETHER, 700]),
        again=st.sampled_from([0, 1, 40]),
    )
    def upsert(self, fresh: int, again: int) -> None:
        self.catalog.upsert(*self._drawn(fresh, again))

    @rule(seed=st.integers(0, 9), count=st.sampled_from([1, 50]))
    def update(self, seed: int, count: int) -> None:
        names = np.random.default_rng(seed).permutation(sorted(self.model))[:count].tolist()
        for name in names:
            self.model[name] = float(seed), self.model[name][1]
        if names:
            self.catalog.update_many(names, {"price": [float(seed)] * len(names)})

    @rule(seed=st.integers(0, 9), count=st.sampled_from([1, 30, 600]))
    def delete(self, seed: int, count: int) -> None:
        some = min(count, len(self.model) - 1)  # one item is left, for the compaction
        names = np.random.default_rng(seed).permutation(sorted(self.model))[:some].tolist()
        for name in names:
            del self.model[name]
        self.catalog.delete(names)

    @rule()
    def keep_a_snapshot(self) -> None:
        self.kept = [*self.kept[-1:], (self.catalog.snapshot(), dict(self.model))]

    @precondition(lambda self: self.compaction is None)
    @rule(retrain=st.booleans())
    def begin_to_compact(self, retrain: bool) -> None:
        self.compaction = self.retriever.compaction(retrain=retrain).start()

    @precondition(lambda self: self.compaction is not None)
    @rule()
    def finish_to_compact(self) -> None:
        assert self.compaction is not None
        assert self.compaction.wait().generation == self.catalog.snapshot().generation
        self.compaction = None

    @precondition(lambda self: self.compaction is None)
    @rule()
    def write_and_read(self) -> None:
        with BundleWriter(self.directory / "shop.bundle", force=True) as writer:
            self.catalog.write(writer)
            self.retriever.write(writer)
        with open_bundle(self.directory / "shop.bundle") as bundle:
            self.catalog = Catalog.read(bundle)
            self.retriever = Retriever.read(bundle, self.catalog)
        self.kept = []  # they are of another catalogue

    @invariant()
    def nothing_is_stale_lost_or_risen(self) -> None:
        query = self.latest  # of an item that may be there, or gone, or older snapshots lack
        for snapshot, model in [*self.kept, (self.catalog.snapshot(), self.model)]:
            for where in (None, CHEAP):
                eligible = snapshot.eligible(parse_where(where))
                hits = self.retriever.search(snapshot, query, K, eligible=eligible)
                (many,) = self.retriever.search_many(snapshot, query[None], K, eligible=eligible)
                assert many.rows.tolist() == hits.rows.tolist()
                passing = {
                    name: vector
                    for name, (price, vector) in model.items()
                    if where is None or price < CHEAPEST
                }
                names = snapshot.ids(hits.rows)
                assert set(names) <= set(passing)
                own = _scores(self.metric, query, [passing[name] for name in names])
                np.testing.assert_allclose(hits.scores, own, atol=1e-5)
                best = np.sort(_scores(self.metric, query, list(passing.values())))[::-1][:K]
                np.testing.assert_allclose(hits.scores, best, atol=1e-5)


def _scores(metric: Metric, query: Vector, vectors: list[Vector]) -> NDArray[np.float64]:
    x = np.array(vectors, np.float64).reshape(-1, DIM)
    if metric == "l2":
        return np.asarray(-((x - query) ** 2).sum(axis=1))
    products: NDArray[np.float64] = x @ query
    if metric == "inner":
        return products
    return np.asarray(products / np.linalg.norm(x, axis=1) / np.linalg.norm(query))


TestShelves = Shelves.TestCase
TestShelves.settings = settings(catalogs.patient, max_examples=20, stateful_step_count=10)
