"""The catalogue: built, compacted, kept in a bundle, shared by readers and writers."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import BundleError, LimitExceeded, ValueRangeError
from edgerec.values.where import parse_where
from tests.small_catalog import DIM, five_items, items_of, vectors_of


@pytest.fixture
def catalog() -> Catalog:
    return five_items()


def test_a_new_catalogue(catalog: Catalog) -> None:
    now = catalog.snapshot()
    assert (now.rows, now.live, now.sequence, now.dim) == (5, 5, 0, DIM)
    assert now.ids(np.arange(5)) == tuple("abcde")
    assert [now.row(name) for name in "abcdex"] == [0, 1, 2, 3, 4, None]
    assert now.record(1) == {
        "id": "b",
        "title": "Lamp",
        "brand": "Acme",
        "price": 10.0,
        "stock": 2.0,
        "in_stock": True,
        "tags": ("red", "sale"),
        "released": 5,
    }
    (segment,) = now.segments
    assert (segment.first_row, segment.rows) == (0, 5)
    np.testing.assert_array_equal(segment.vectors, vectors_of(5))


def test_a_live_catalogue_may_be_empty(catalog: Catalog) -> None:
    catalog.delete(list("abcde"))
    now = catalog.snapshot()
    assert (now.live, now.eligible().count) == (0, 0)
    assert now.eligible(parse_where({"in_stock": True})).count == 0
    with pytest.raises(ValueRangeError, match="at least one item"):
        catalog.compacted()


def test_an_empty_catalogue_cannot_be_built() -> None:
    with pytest.raises(ValueRangeError, match="at least one item"):
        Catalog(Items.from_records([]), np.empty((0, DIM), np.float32))


def test_a_vector_has_dimensions() -> None:
    for dim in (0, 4097):
        with pytest.raises(LimitExceeded, match="4096"):
            Catalog(items_of("a"), np.zeros((1, dim), np.float32))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_float16_vector_is_finite(value: float) -> None:
    vectors = vectors_of(2, dtype="float16")
    vectors[0, 0] = value
    with pytest.raises(ValueRangeError, match=r"vectors\[0\]"):
        Catalog(items_of(*"ab"), vectors)


def test_float16_originals_stay_float16() -> None:
    catalog = Catalog(items_of("a"), vectors_of(1, dtype="float16"))
    catalog.upsert(items_of("b"), vectors_of(1))
    assert {segment.vectors.dtype.name for segment in catalog.snapshot().segments} == {"float16"}
    with pytest.raises(ValueRangeError, match="float16"):
        catalog.upsert(items_of("c"), np.full((1, DIM), 1e6, np.float32))


def test_an_attribute_may_be_called_anything() -> None:
    items = Items.from_records([{"id": "a", "identifier": "x"}])
    catalog = Catalog(items, vectors_of(1))
    catalog.update("a", identifier="y")
    assert catalog.snapshot().record(0)["identifier"] == "y"


def test_compacting_keeps_the_items_and_the_sequence(catalog: Catalog) -> None:
    catalog.upsert(items_of("b", "f", price=3.0), vectors_of(2, seed=1))
    catalog.delete(["c"])
    old, new = catalog.snapshot(), catalog.compacted().snapshot()
    assert (new.rows, new.live, new.sequence, len(new.segments)) == (5, 5, 2, 1)
    for name in "abdef":
        before, after = old.row(name), new.row(name)
        assert before is not None
        assert after is not None
        assert new.record(after) == old.record(before)
        np.testing.assert_array_equal(
            new.vectors_of(np.array([after])), old.vectors_of(np.array([before]))
        )


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 4, 4], [0, 1, 2, 3, 4], [0, 1, 4, 9]])
def test_an_order_that_is_none_is_refused(catalog: Catalog, order: list[int]) -> None:
    catalog.delete(["d"])
    with pytest.raises(ValueRangeError):
        catalog.compacted(np.array(order, np.int32))


def test_compacting_forgets_words_that_nothing_has(catalog: Catalog) -> None:
    catalog.upsert(items_of("f", brand="Bolt"), vectors_of(1))
    catalog.update("a", brand="Zeta")
    catalog.delete(["b", "c", "d", "e"])
    now = catalog.compacted().snapshot()
    assert now.vocabulary("brand") == ("Bolt", "Zeta")
    assert [now.record(row)["brand"] for row in range(2)] == ["Zeta", "Bolt"]
    assert catalog.snapshot().vocabulary("brand") == ("Acme", "Bolt", "Zeta")


def test_a_watcher_is_shown_new_rows_in_their_order(catalog: Catalog) -> None:
    seen: list[Snapshot] = []
    stop = catalog.watch(seen.append)
    catalog.upsert(items_of("f"), vectors_of(1))
    catalog.update("f", price=1)
    catalog.delete(["a"])
    catalog.upsert(items_of(), vectors_of(0))
    catalog.upsert(items_of("a"), vectors_of(1))
    assert [(now.sequence, now.rows) for now in seen] == [(1, 6), (4, 7)]
    assert seen[-1] is catalog.snapshot()
    stop()
    catalog.upsert(items_of("g"), vectors_of(1))
    assert len(seen) == 2


def test_a_bundle_keeps_rows_and_dead_rows(catalog: Catalog, tmp_path: Path) -> None:
    catalog.upsert(items_of("b", "f", price=3.0, brand="Bolt"), vectors_of(2, seed=1))
    catalog.update("a", price=5.5, title="Lämp")
    catalog.delete(["c"])
    with BundleWriter(tmp_path / "shop.bundle") as writer:
        catalog.write(writer)
    with open_bundle(tmp_path / "shop.bundle") as bundle:
        read = Catalog.read(bundle)
    old, new = catalog.snapshot(), read.snapshot()
    assert (new.rows, new.live, new.sequence, new.schema) == (7, 5, 3, old.schema)
    for row in range(7):
        assert new.record(row) == old.record(row)
    assert [new.row(name) for name in "abcdef"] == [old.row(name) for name in "abcdef"]
    assert not new.segments[0].vectors.flags.writeable
    assert read.upsert(items_of("c"), vectors_of(1)) == 4
    assert read.update("a", price=6.0) == 5
    assert read.snapshot().live == 6


def test_a_bundle_without_a_catalogue(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "b") as writer:
        writer.set("other", 1)
    with open_bundle(tmp_path / "b") as bundle, pytest.raises(BundleError, match="catalog"):
        Catalog.read(bundle)


def test_a_reader_sees_all_of_a_change_or_nothing(catalog: Catalog) -> None:
    """Price and stock always change together; each reader checks what it got."""
    done, torn = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            now = catalog.snapshot()
            rows, unknown = now.rows_of(list("abcde"))
            prices, stocks = now.take("price", rows), now.take("stock", rows)
            same = parse_where({"price": float(prices[0])})
            if unknown or (prices != stocks).any() or now.eligible(same).count < 1:
                torn.append((now.sequence, prices, stocks))

    for name in "abcde":
        catalog.update(name, price=2.0)
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(300):
        name = "abcde"[step % 5]
        if step % 3:
            catalog.update(name, price=float(step), stock=step)
        else:
            catalog.upsert(items_of(name, price=float(step), stock=step), vectors_of(1))
    done.set()
    for reader in readers:
        reader.join()
    assert not torn


def test_writers_take_turns(catalog: Catalog) -> None:
    def write(thread: int) -> None:
        for step in range(40):
            catalog.upsert(items_of(f"{thread}-{step}"), vectors_of(1))

    writers = [threading.Thread(target=write, args=[thread]) for thread in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    now = catalog.snapshot()
    assert (now.sequence, now.live) == (160, 165)
    assert now.rows_of([f"{t}-{s}" for t in range(4) for s in range(40)])[1] == 0


def test_a_forked_child_can_write_while_the_parent_does(catalog: Catalog) -> None:
    holding, release = threading.Event(), threading.Event()

    class Slow(Items):
        """Holds the writer's lock until released."""

        def __len__(self) -> int:
            if threading.current_thread() is not threading.main_thread():
                holding.set()
                release.wait(30)
            return 1

    slow = Slow(**{f: getattr(items_of("z"), f) for f in ("ids", "columns", "schema")})
    writer = threading.Thread(target=catalog.upsert, args=[slow, vectors_of(1)])
    writer.start()
    assert holding.wait(30)
    child = os.fork()
    if child == 0:
        ok = catalog.update("a", price=1.0) == 1 and catalog.snapshot().live == 5
        os._exit(0 if ok else 1)
    _, status = os.waitpid(child, 0)
    release.set()
    writer.join()
    assert status == 0
    assert catalog.snapshot().live == 6
