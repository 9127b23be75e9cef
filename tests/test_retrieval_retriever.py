"""The retriever: follows the strategy, sees every change, keeps its index up, lives in a bundle."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.bitmaps import rows_of
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.compaction import Compaction
from edgerec.catalog.items import Items
from edgerec.errors import (
    BundleCorruptError,
    InvalidInput,
    LimitExceeded,
    ShapeError,
    ValueRangeError,
)
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.retriever import PLACED_TOGETHER, Retriever
from edgerec.retrieval.strategy import Strategy, Target
from tests.contracts.indexes import eligible_of, pairs

DIM, ROWS = 16, 900
TARGET = Target(k=10, recall=0.9, exact_enough_us=0)


def vectors_of(rows: int = ROWS, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, DIM))[rng.integers(20, size=rows)]
    return (x + 0.5 * rng.standard_normal((rows, DIM))).astype(np.float32)


def items_of(names: Any) -> Items:
    return Items(tuple(names), {}, ())


def catalog_of(rows: int = ROWS) -> Catalog:
    items = items_of(f"a{i}" for i in range(rows))
    return Catalog(items, vectors_of(rows), metric="l2")


def retriever_of(kind: str) -> Retriever:
    target = Target(k=10, recall=0.9, index=kind)
    return Retriever.build(catalog_of(), target, queries=vectors_of(100, seed=5))


def names_of(retriever: Retriever, query: Any, k: int = 1) -> tuple[str, ...]:
    now = retriever.catalog.snapshot()
    return now.ids(retriever.search(now, query, k).rows)


def kind_of(asked: str) -> str:
    return "faiss" if "," in asked else asked


every_kind = pytest.mark.parametrize("kind", ["exact", "sketch", "lists", "IVF8,SQ8"])


@every_kind
def test_the_nearest_is_found_until_it_is_deleted(kind: str) -> None:
    retriever, query = retriever_of(kind), vectors_of()[77]
    before = retriever.catalog.snapshot()
    first = retriever.search(before, query, 5)
    assert before.ids(first.rows)[0] == "a77"
    retriever.catalog.delete(["a77"])
    after = retriever.catalog.snapshot()
    assert retriever.search(after, query, 5).rows.tolist()[:4] == first.rows.tolist()[1:]
    assert pairs(retriever.search(before, query, 5)) == pairs(first)


@every_kind
def test_what_is_added_is_found_at_once(kind: str) -> None:
    retriever, vectors = retriever_of(kind), vectors_of(3, seed=1)
    retriever.catalog.upsert(items_of(("new", "a5", "newer")), vectors)
    for name, vector in zip(("new", "a5", "newer"), vectors, strict=True):
        assert names_of(retriever, vector) == (name,)
    now = retriever.catalog.snapshot()
    found = retriever.search(now, vectors_of()[5], 10_000)
    assert sorted(now.ids(found.rows)) == sorted([*(f"a{i}" for i in range(ROWS)), "new", "newer"])


@every_kind
def test_many_later_rows_are_found_whether_they_were_placed_or_not(kind: str) -> None:
    retriever = retriever_of(kind)
    later = vectors_of(2 * PLACED_TOGETHER + 90, seed=8)
    for start in range(0, len(later), 100):
        part = later[start : start + 100]
        names = items_of(f"b{start + i}" for i in range(len(part)))
        retriever.catalog.upsert(names, part)
    for place in range(0, len(later), 53):
        assert names_of(retriever, later[place]) == (f"b{place}",)
    drift = retriever.drift()
    assert (drift is None) == (kind != "lists")
    if drift is not None:
        assert 0 < drift.placed_share < 1


@every_kind
@pytest.mark.parametrize("retrain", [False, True])
def test_a_compaction_renews_the_index_and_answers_stay(kind: str, retrain: bool) -> None:
    retriever, queries = retriever_of(kind), vectors_of(30, seed=2)
    retriever.catalog.delete([f"a{i}" for i in range(70)])
    retriever.catalog.upsert(items_of(["new"]), vectors_of(1, seed=3))
    old = retriever.catalog.snapshot()
    fresh = retriever.compaction(retrain=retrain).run()
    assert fresh.generation == old.generation + 1
    assert fresh.rows == fresh.live == ROWS - 69
    assert retriever.index_for(fresh, fresh.eligible()).kind == kind_of(kind)
    assert retriever.index_for(old, old.eligible()).kind == kind_of(kind)
    exact = ExactIndex(fresh.segments, "l2")
    truths = [set(exact.search(q, 10).rows.tolist()) for q in queries]
    found = [set(retriever.search(fresh, q, 10).rows.tolist()) for q in queries]
    assert np.mean([len(a & b) / 10 for a, b in zip(truths, found, strict=True)]) > 0.8
    assert names_of(retriever, vectors_of(1, seed=3)[0]) == ("new",)
    drift = retriever.drift()
    assert drift is None or (drift.placed_share == 0 and 0.8 < drift.ratio < 1.5)


@every_kind
def test_changes_during_a_compaction_are_seen_after_it(kind: str) -> None:
    retriever, vectors = retriever_of(kind), vectors_of(3, seed=1)
    compaction = retriever.compaction()
    prepare, begun, go_on = compaction._prepare, threading.Event(), threading.Event()
    assert prepare is not None

    def held(fresh: Any) -> None:
        begun.set()
        assert go_on.wait(30)
        prepare(fresh)

    compaction._prepare = held
    compaction.start()
    assert begun.wait(30)
    retriever.catalog.upsert(items_of(("new", "a5", "newer")), vectors)
    retriever.catalog.delete(["a9"])
    go_on.set()
    compaction.wait()
    for name, vector in zip(("new", "a5", "newer"), vectors, strict=True):
        assert names_of(retriever, vector) == (name,)
    now = retriever.catalog.snapshot()
    assert retriever.index_for(now, now.eligible()).kind == kind_of(kind)
    assert "a9" not in now.ids(retriever.search(now, vectors_of()[9], 10_000).rows)


@every_kind
def test_after_a_compaction_by_somebody_else_the_scan_answers(kind: str) -> None:
    retriever, query = retriever_of(kind), vectors_of()[77]
    retriever.catalog.delete([f"a{i}" for i in range(70)])
    Compaction(retriever.catalog).run()
    now = retriever.catalog.snapshot()
    assert retriever.index_for(now, now.eligible()).kind == "exact"
    assert names_of(retriever, query) == ("a77",)


@every_kind
@pytest.mark.parametrize("retrain", [False, True])
def test_a_compaction_after_one_by_somebody_else_makes_the_index_anew(
    kind: str, retrain: bool, tmp_path: Path
) -> None:
    retriever, query = retriever_of(kind), vectors_of()[77]
    retriever.catalog.delete(["a5"])
    Compaction(retriever.catalog).run()
    with (
        BundleWriter(tmp_path / "b") as writer,
        pytest.raises(InvalidInput, match="compacted without its index"),
    ):
        retriever.write(writer)
    now = retriever.compaction(retrain=retrain).run()
    assert retriever.index_for(now, now.eligible()).kind == kind_of(kind)
    assert names_of(retriever, query) == ("a77",)


@pytest.mark.parametrize("kind", ["sketch", "lists"])
def test_the_index_of_a_compaction_that_failed_answers_nobody(kind: str) -> None:
    retriever = retriever_of(kind)
    compaction = retriever.compaction(max_changes=1)
    prepare = compaction._prepare
    assert prepare is not None

    def disturbed(fresh: Any) -> None:
        prepare(fresh)
        retriever.catalog.upsert(items_of(["a5", "a6"]), vectors_of(2, seed=1))

    compaction._prepare = disturbed
    with pytest.raises(LimitExceeded, match="changed"):
        compaction.run()
    Compaction(retriever.catalog, order=lambda now: rows_of(now.alive)[::-1]).run()
    now = retriever.catalog.snapshot()
    assert retriever.index_for(now, now.eligible()).kind == "exact"


@every_kind
def test_nothing_is_found_in_nothing(kind: str) -> None:
    retriever = retriever_of(kind)
    retriever.catalog.delete([f"a{i}" for i in range(ROWS)])
    now = retriever.catalog.snapshot()
    hits = retriever.search(now, vectors_of(1)[0], 10)
    assert (len(hits), hits.rows.dtype, hits.scores.dtype) == (0, np.int32, np.float32)


@every_kind
@pytest.mark.parametrize("retrain", [False, True])
def test_nothing_is_not_compacted(kind: str, retrain: bool) -> None:
    retriever = retriever_of(kind)
    retriever.catalog.delete([f"a{i}" for i in range(ROWS)])
    with pytest.raises(ValueRangeError, match="at least one item"):
        retriever.compaction(retrain=retrain).run()


@every_kind
def test_nothing_is_scanned_whatever_index_is_wanted(kind: str) -> None:
    catalog = catalog_of()
    catalog.delete([f"a{i}" for i in range(ROWS)])
    retriever = Retriever.build(catalog, Target(k=10, index=kind))
    assert retriever.strategy.kind == "exact"
    assert len(retriever.search(catalog.snapshot(), vectors_of(1)[0], 10)) == 0


@every_kind
def test_many_queries_are_answered_as_each_alone(kind: str) -> None:
    retriever, queries = retriever_of(kind), vectors_of(20, seed=4)
    now = retriever.catalog.snapshot()
    eligible = eligible_of(np.arange(ROWS) % 3 > 0)
    for some in (None, eligible):
        many = retriever.search_many(now, queries, 10, eligible=some)
        alone = [retriever.search(now, query, 10, eligible=some) for query in queries]
        assert [pairs(hits) for hits in many] == [pairs(hits) for hits in alone]


@pytest.mark.parametrize("kind", ["sketch", "lists"])
def test_a_narrow_filter_is_scanned(kind: str) -> None:
    built = retriever_of(kind)
    made, now = built.strategy, built.catalog.snapshot()
    strategy = Strategy(
        made.kind, made.rows, made.dim, made.target, "a test", made.settings, exact_below=0.25
    )
    index = built.index_for(now, eligible_of(np.ones(ROWS, np.bool_)))
    retriever = Retriever(built.catalog, strategy, index)
    for share, expected in (1.0, kind), (0.5, kind), (0.2, "exact"):
        eligible = eligible_of(np.arange(ROWS) < share * ROWS)
        assert retriever.index_for(now, eligible).kind == expected


@pytest.mark.parametrize("kind", ["sketch", "lists"])
def test_a_snapshot_from_before_the_build_is_scanned(kind: str) -> None:
    catalog = catalog_of()
    before = catalog.snapshot()
    catalog.upsert(items_of(["new"]), vectors_of(1, seed=3))
    retriever = Retriever.build(catalog, Target(k=10, recall=0.9, index=kind))
    assert len(retriever.search(before, vectors_of()[0], 10_000)) == ROWS
    assert names_of(retriever, vectors_of(1, seed=3)[0]) == ("new",)


def bundled(retriever: Retriever, place: Path) -> Path:
    with BundleWriter(place) as writer:
        retriever.catalog.write(writer)
        retriever.write(writer)
    return place


@every_kind
@pytest.mark.parametrize("later", [0, 40, PLACED_TOGETHER + 40])
def test_a_bundle_gives_the_same_answers(kind: str, later: int, tmp_path: Path) -> None:
    old = retriever_of(kind)
    if later:
        old.catalog.upsert(items_of(f"b{i}" for i in range(later)), vectors_of(later, seed=9))
    with open_bundle(bundled(old, tmp_path / "b")) as bundle:
        new = Retriever.read(bundle, Catalog.read(bundle))
    assert new.strategy == old.strategy
    now = new.catalog.snapshot()
    assert new.index_for(now, now.eligible()).kind == kind_of(kind)
    assert now.rows == ROWS + later
    for query in vectors_of(20, seed=2):
        one = old.search(old.catalog.snapshot(), query, 10)
        other = new.search(now, query, 10)
        assert pairs(one) == pairs(other)


@pytest.mark.parametrize("kind", ["sketch", "lists"])
def test_an_index_of_another_catalogue_is_refused(kind: str, tmp_path: Path) -> None:
    retriever, small = retriever_of(kind), catalog_of(40)
    now = retriever.catalog.snapshot()
    index = retriever.index_for(now, now.eligible())
    with pytest.raises(ShapeError, match="catalogue"):
        Retriever(small, retriever.strategy, index)
    with pytest.raises(ShapeError, match="another index"):
        Retriever(small, retriever.strategy, ExactIndex(small.snapshot().segments))
    with BundleWriter(tmp_path / "b") as writer:
        small.write(writer)
        retriever.write(writer)
    with (
        open_bundle(tmp_path / "b") as bundle,
        pytest.raises(BundleCorruptError, match="catalogue"),
    ):
        Retriever.read(bundle, Catalog.read(bundle))


@pytest.mark.parametrize("kind", ["sketch", "lists"])
@pytest.mark.parametrize("section", [7, "words", [], {"index": 7}, {"index": {"rotation": 7}}])
def test_a_section_that_is_no_object_is_refused(kind: str, section: Any, tmp_path: Path) -> None:
    retriever = retriever_of(kind)
    with BundleWriter(tmp_path / "b") as writer:
        retriever.catalog.write(writer)
        if isinstance(section, dict):
            section = {**retriever.strategy.to_dict(), **section}
        writer.set("retrieval", section)
    with open_bundle(tmp_path / "b") as bundle, pytest.raises(BundleCorruptError):
        Retriever.read(bundle, Catalog.read(bundle))


@pytest.mark.parametrize("spread", [-1, np.nan, 3e38])
def test_lists_of_impossible_spreads_are_refused(spread: float) -> None:
    retriever = retriever_of("lists")
    now = retriever.catalog.snapshot()
    index = retriever.index_for(now, now.eligible())
    assert isinstance(index, ListIndex)
    with pytest.raises(BundleCorruptError, match="spreads"):
        replace(index.lists, spreads=np.full_like(index.lists.spreads, spread))


def test_old_snapshots_are_scanned_after_two_compactions() -> None:
    retriever = retriever_of("lists")
    snapshots = [retriever.catalog.snapshot()]
    for place in range(3):
        retriever.catalog.delete([f"a{place}"])
        snapshots.append(retriever.compaction().run())
    kinds = [retriever.index_for(s, s.eligible()).kind for s in snapshots]
    assert kinds == ["exact", "exact", "lists", "lists"]
    query = vectors_of()[77]
    assert {s.ids(retriever.search(s, query, 1).rows) for s in snapshots} == {("a77",)}
