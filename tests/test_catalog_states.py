"""Any order of changes, searches, compactions and round trips through a bundle, against a dict.

A compaction may also be under way in another thread while all this goes on.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

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
from edgerec.catalog.bitmaps import rows_of
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.compaction import Compaction
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.sketch import Sketches, SketchIndex
from edgerec.retrieval.strategy import SketchSettings, Strategy, Target
from edgerec.values.where import parse_where
from tests.oracles import retrieval as oracle
from tests.strategies import catalogs

DIM = 5
FIELDS = ("title", "brand", "price", "stock", "tags", "released")
FILTERS: list[dict[str, Any]] = [
    {"field": "in_stock", "eq": True},
    {"and": [{"field": "price", "gte": 5, "lt": 50}, {"not": {"field": "brand", "eq": "Acme"}}]},
    {"or": [{"field": "tags", "in": ["new", "sale"]}, {"field": "released", "lt": "2000-01-01"}]},
    {"not": {"or": [{"field": "stock", "in": [1, 2]}, {"field": "brand", "in": ["Bolt", ""]}]}},
]
POOL = [*"abcdefghijkl", "ü", "日本"]

Model = dict[str, tuple[dict[str, Any], NDArray[np.float32]]]


class Shop(RuleBasedStateMachine):
    """``model`` holds what the catalogue must say: id to record and vector."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.kept: list[tuple[Snapshot, Model]] = []
        self.compaction: tuple[Compaction, threading.Event] | None = None

    def teardown(self) -> None:
        if self.compaction is not None:
            self.finish_to_compact()
        shutil.rmtree(self.directory)

    @initialize(records=catalogs.records(pool=POOL), data=st.data(), indexed=st.booleans())
    def build(self, records: list[dict[str, Any]], data: st.DataObject, indexed: bool) -> None:
        self.model: Model = {}
        items, vectors = self._drawn(records, data)
        self.catalog = Catalog(items, vectors)
        self.sequence = 0
        self.indexed = indexed
        self._index()

    def _drawn(
        self, records: list[dict[str, Any]], data: st.DataObject
    ) -> tuple[Items, NDArray[np.float32]]:
        vectors = data.draw(catalogs.vectors(len(records), DIM))
        for record, vector in zip(records, vectors, strict=True):
            full = {"in_stock": record["stock"] > 0} | record
            self.model[record["id"]] = full, vector
        return Items.from_records(records, catalogs.SCHEMA), vectors

    def _index(self) -> None:
        if not self.indexed:
            self.retriever = Retriever.exact(self.catalog, "a test")
            return
        now, few = self.catalog.snapshot(), SketchSettings(30)
        strategy = Strategy("sketch", now.rows, DIM, Target(k=5), "a test", few)
        index = SketchIndex(Sketches.of(now.segments[0]), now.segments, few.shortlist, now.metric)
        self.retriever = Retriever(self.catalog, strategy, index)

    @rule(records=catalogs.records(pool=POOL, min_size=0, max_size=5), data=st.data())
    def upsert(self, records: list[dict[str, Any]], data: st.DataObject) -> None:
        items, vectors = self._drawn(records, data)
        self.sequence += bool(records)
        assert self.catalog.upsert(items, vectors) == self.sequence

    @rule(change=catalogs.attributes(), data=st.data())
    def update(self, change: dict[str, Any], data: st.DataObject) -> None:
        if not self.model:
            return
        name = data.draw(st.sampled_from(sorted(self.model)))
        fields = data.draw(st.sets(st.sampled_from(sorted(change)), min_size=1))
        change = {field: change[field] for field in fields}
        record, vector = self.model[name]
        derived = {"in_stock": change["stock"] > 0} if "stock" in change else {}
        self.model[name] = record | derived | change, vector
        self.sequence += 1
        assert self.catalog.update(name, **change) == self.sequence

    @rule(names=st.lists(st.sampled_from([*POOL, "nobody"]), max_size=5), data=st.data())
    def update_many(self, names: list[str], data: st.DataObject) -> None:
        changes = [data.draw(catalogs.attributes()) for _ in names]
        fields = data.draw(st.sets(st.sampled_from(FIELDS), min_size=1))
        columns = {field: [change[field] for change in changes] for field in sorted(fields)}
        known = [place for place, name in enumerate(names) if name in self.model]
        for place in known:
            record, vector = self.model[names[place]]
            change = {field: columns[field][place] for field in columns}
            derived = {"in_stock": change["stock"] > 0} if "stock" in change else {}
            self.model[names[place]] = record | derived | change, vector
        self.sequence += bool(known)
        unknown = len(names) - len(known)
        assert self.catalog.update_many(names, columns) == (self.sequence, unknown)

    @rule(names=st.lists(st.sampled_from([*POOL, "nobody"]), max_size=4))
    def delete(self, names: list[str]) -> None:
        known = {name for name in names if name in self.model}
        unknown = len(set(names) - known)
        for name in known:
            del self.model[name]
        self.sequence += bool(known)
        assert self.catalog.delete(names) == (self.sequence, unknown)

    @rule()
    def keep_a_snapshot(self) -> None:
        self.kept.append((self.catalog.snapshot(), dict(self.model)))

    @precondition(lambda self: self.compaction is None)
    @rule()
    def write_and_read(self) -> None:
        with BundleWriter(self.directory / "shop.bundle", force=True) as writer:
            self.catalog.write(writer)
            self.retriever.write(writer)
        with open_bundle(self.directory / "shop.bundle") as bundle:
            self.catalog = Catalog.read(bundle)
            self.retriever = Retriever.read(bundle, self.catalog)

    @precondition(lambda self: self.model and self.compaction is None)
    @rule(data=st.data(), anew=st.booleans())
    def compact(self, data: st.DataObject, anew: bool) -> None:
        names = data.draw(st.permutations(sorted(self.model)))
        order = self.catalog.snapshot().rows_of(names)[0]
        if anew:
            self.catalog = self.catalog.compacted(order)
        else:
            Compaction(self.catalog, order=lambda _: order).run()
        self._index()
        now = self.catalog.snapshot()
        assert now.ids(np.arange(now.rows)) == tuple(names)

    @precondition(lambda self: self.model and self.compaction is None)
    @rule()
    def begin_to_compact(self) -> None:
        """In another thread, which waits with the compacted items in its hands."""
        begun, go_on = threading.Event(), threading.Event()

        def prepare(_: Snapshot) -> None:
            begun.set()
            assert go_on.wait(60)

        self.compaction = Compaction(self.catalog, prepare=prepare).start(), go_on
        assert begun.wait(60)

    @precondition(lambda self: self.compaction is not None)
    @rule()
    def finish_to_compact(self) -> None:
        """All that has changed meanwhile is there."""
        assert self.compaction is not None
        generation = self.catalog.snapshot().generation
        compaction, go_on = self.compaction
        go_on.set()
        self.compaction = None
        assert compaction.wait() is self.catalog.snapshot()
        assert self.catalog.snapshot().generation == generation + 1
        self._index()

    @rule(query=catalogs.queries(DIM), k=st.sampled_from([1, 3, 10_000]), where=catalogs.wheres())
    def search(self, query: NDArray[np.float32], k: int, where: dict[str, Any]) -> None:
        """At most 30 items live, so that every index must be right to the bit."""
        now = self.catalog.snapshot()
        for filters in (None, where):
            passing = {
                row: vector
                for name, (record, vector) in self.model.items()
                if oracle.passes(record, filters) and (row := now.row(name)) is not None
            }
            hits = self.retriever.search(now, query, k, eligible=now.eligible(parse_where(filters)))
            wanted = oracle.search(query, passing, sorted(passing), k)  # type: ignore[arg-type]
            assert list(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True)) == wanted

    @invariant()
    def the_catalogue_is_the_model(self) -> None:
        self._agree(self.catalog.snapshot(), self.model)
        assert self.catalog.snapshot().sequence == self.sequence

    @invariant()
    def old_snapshots_stay(self) -> None:
        for snapshot, model in self.kept[-3:]:
            self._agree(snapshot, model)

    @invariant()
    def filters_say_what_the_records_say(self) -> None:
        """The same ones all the time, of old snapshots between new ones."""
        for snapshot, model in [*self.kept[-2:], (self.catalog.snapshot(), self.model)]:
            for where in FILTERS:
                eligible = snapshot.eligible(parse_where(where))
                names = snapshot.ids(rows_of(eligible.bitmap))
                expected = {n for n, (record, _) in model.items() if oracle.passes(record, where)}
                assert (set(names), eligible.count) == (expected, len(expected))

    @staticmethod
    def _agree(now: Snapshot, model: Model) -> None:
        names = sorted(model)
        rows, unknown = now.rows_of(names)
        assert (now.live, unknown) == (len(model), 0)
        assert now.ids(rows) == tuple(names)
        assert now.rows_of([name for name in POOL if name not in model])[0].size == 0
        vectors = now.vectors_of(rows)
        for row, name, vector in zip(rows.tolist(), names, vectors, strict=True):
            assert now.record(row) == model[name][0]
            np.testing.assert_array_equal(vector, model[name][1])


TestShop = Shop.TestCase
TestShop.settings = settings(catalogs.patient, max_examples=20, stateful_step_count=15)
