"""The catalogue: changes, snapshots, readers beside a writer."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog import versions
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.changes import Update
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import (
    BundleError,
    InvalidInput,
    LimitExceeded,
    ShapeError,
    UnknownAttribute,
    ValueRangeError,
)
from edgerec.values.where import parse_where
from tests.strategies import catalogs

DIM = 6


def items_of(*names: str, **change: Any) -> Items:
    record = {"title": "Lamp", "brand": "Acme", "price": 10.0, "stock": 2}
    record |= {"tags": ("red", "sale"), "released": 5} | change
    return Items.from_records([{"id": name, **record} for name in names], catalogs.SCHEMA)


def vectors_of(count: int, seed: int = 0, dtype: str = "float32") -> Any:
    return np.random.default_rng(seed).standard_normal((count, DIM)).astype(dtype)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(items_of(*"abcde"), vectors_of(5))


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


def test_upsert_replaces_by_a_new_row(catalog: Catalog) -> None:
    before = catalog.snapshot()
    assert catalog.upsert(items_of("b", "f", price=3.0), vectors_of(2, seed=1)) == 1
    now = catalog.snapshot()
    assert (now.rows, now.live, now.sequence) == (7, 6, 1)
    assert (now.row("b"), now.row("f"), now.record(5)["price"]) == (5, 6, 3.0)
    np.testing.assert_array_equal(now.vectors_of(np.array([5, 6])), vectors_of(2, seed=1))
    assert [segment.first_row for segment in now.segments] == [0, 5]
    assert (before.rows, before.row("b"), before.row("f")) == (5, 1, None)


def test_update_leaves_the_vector_alone(catalog: Catalog) -> None:
    before = catalog.snapshot()
    assert catalog.update("c", price=12.5, brand="Bolt", title="Lamp, red") == 1
    now = catalog.snapshot()
    assert now.record(2) == before.record(2) | {
        "price": 12.5,
        "brand": "Bolt",
        "title": "Lamp, red",
    }
    assert before.record(2)["price"] == 10.0
    assert now.vectors is before.vectors


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"stock": 0}, (0.0, False)),
        ({"stock": 5}, (5.0, True)),
        ({"in_stock": False}, (2.0, False)),
        ({"stock": 0, "in_stock": True}, (0.0, True)),
        ({"price": 1}, (2.0, True)),
    ],
)
def test_in_stock_follows_stock(
    catalog: Catalog, change: dict[str, Any], expected: tuple[float, bool]
) -> None:
    catalog.update("a", **change)
    record = catalog.snapshot().record(0)
    assert (record["stock"], record["in_stock"]) == expected


def test_many_items_change_at_once(catalog: Catalog) -> None:
    before = catalog.snapshot()
    assert catalog.update_many(["c", "x", "a", "c"], {"price": [1, 2, 3, 4.5]}) == (1, 1)
    now = catalog.snapshot()
    assert now.column("price").tolist() == [3.0, 10.0, 4.5, 10.0, 10.0]
    assert before.column("price").tolist() == [10.0] * 5
    assert now.vectors is before.vectors
    columns: dict[str, Any] = {
        "stock": np.array([0, 1]),
        "tags": [{"new"}, ()],
        "title": ("A", "B"),
        "brand": np.array(["Acme", "Bolt"]),
        "released": ["2026-01-01", 7],
    }
    assert catalog.update_many(("a", "b"), columns) == (2, 0)
    record = catalog.snapshot().record(0)
    assert (record["stock"], record["in_stock"], record["tags"]) == (0.0, False, ("new",))
    assert catalog.snapshot().record(1) == before.record(1) | {
        "stock": 1.0,
        "tags": (),
        "title": "B",
        "brand": "Bolt",
        "released": 7,
    }
    assert catalog.update_many(["x", "y"], {"price": [1, 2]}) == (2, 2)
    assert catalog.update_many([], {"price": []}) == (2, 0)


@pytest.mark.parametrize(
    ("ids", "columns", "error", "message"),
    [
        ("a", {"price": [1]}, InvalidInput, "list of ids"),
        (["a", 5], {"price": [1, 2]}, InvalidInput, "an id must be a str"),
        (["a"], {}, InvalidInput, "at least one attribute"),
        (["a"], {"colour": ["red"]}, UnknownAttribute, "brand, in_stock"),
        (["a", "b"], {"price": [1]}, ShapeError, "2 values"),
        (["a", "b"], {"price": [1, "2"]}, InvalidInput, "'b': price"),
        (["a", "b"], {"price": np.array([1, np.nan])}, ValueRangeError, "'b': price"),
        (["a", "b"], {"price": [1, 2], "in_stock": [True, 1]}, InvalidInput, "'b': in_stock"),
        (["a", "x"], {"price": [1, math.inf]}, ValueRangeError, "'x': price"),
    ],
)
def test_a_wrong_update_of_many_changes_nothing(
    catalog: Catalog, ids: Any, columns: Any, error: type[InvalidInput], message: str
) -> None:
    with pytest.raises(error, match=message):
        catalog.update_many(ids, columns)
    assert catalog.snapshot().sequence == 0
    assert catalog.snapshot().column("price").tolist() == [10.0] * 5


def test_a_change_that_is_broken_off_leaves_no_trace(catalog: Catalog) -> None:
    class BrokenOff(BaseException):
        """As an interrupt may come, between two columns."""

    class Breaking(dict[str, Any]):
        def items(self) -> Any:
            yield "price", np.array([77.0, 78.0])
            raise BrokenOff

    before = catalog.snapshot()
    catalog.update("b", price=3)
    with pytest.raises(BrokenOff):
        Update(["a", "b"], Breaking()).applied(catalog.snapshot())
    assert catalog.snapshot().column("price").tolist() == [10.0, 3.0, 10.0, 10.0, 10.0]
    catalog.update("c", price=5)
    assert catalog.snapshot().column("price").tolist() == [10.0, 3.0, 5.0, 10.0, 10.0]
    assert before.column("price").tolist() == [10.0] * 5
    eligible = catalog.snapshot().eligible(parse_where({"price": 77}))
    assert eligible.count == 0


def test_delete_counts_what_is_unknown(catalog: Catalog) -> None:
    assert catalog.delete(["a", "x", "c", "x", "a"]) == (1, 1)
    now = catalog.snapshot()
    assert (now.rows, now.live, now.row("a"), now.ids(np.array([0]))) == (5, 3, None, ("a",))
    assert catalog.delete(["a", "y"]) == (1, 2)
    assert catalog.delete([]) == (1, 0)


def test_an_item_may_come_back(catalog: Catalog) -> None:
    catalog.delete(["a"])
    catalog.upsert(items_of("a"), vectors_of(1))
    assert catalog.snapshot().row("a") == 5


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


def test_no_items_are_no_change(catalog: Catalog) -> None:
    nothing = Items.from_records([], catalogs.SCHEMA)
    assert catalog.upsert(nothing, np.empty((0, DIM), np.float32)) == 0


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        (vectors_of(2), ShapeError),
        (vectors_of(1)[0], ShapeError),
        (vectors_of(1)[:, :-1], ShapeError),
        (vectors_of(1, dtype="float64"), ShapeError),
        ([[0.0] * DIM], ShapeError),
        (vectors_of(1) * np.float32(np.nan), ValueRangeError),
        (vectors_of(1) * np.float32(np.inf), ValueRangeError),
    ],
)
def test_wrong_vectors_change_nothing(
    catalog: Catalog, vectors: Any, error: type[InvalidInput]
) -> None:
    with pytest.raises(error, match="vectors"):
        catalog.upsert(items_of("a"), vectors)
    assert (catalog.snapshot().rows, catalog.snapshot().sequence) == (5, 0)


def test_a_vector_has_dimensions() -> None:
    for dim in (0, 4097):
        with pytest.raises(LimitExceeded, match="4096"):
            Catalog(items_of("a"), np.zeros((1, dim), np.float32))


@pytest.mark.parametrize("value", [1.1e16, -3e38, np.inf, -np.inf, np.nan])
def test_a_vector_that_would_overflow_products_is_refused(catalog: Catalog, value: float) -> None:
    vectors = vectors_of(3)
    vectors[1, 2] = value
    with pytest.raises(ValueRangeError, match=r"vectors\[1\]"):
        catalog.upsert(items_of(*"xyz"), vectors)


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


def test_items_must_have_the_attributes_of_the_catalogue(catalog: Catalog) -> None:
    with pytest.raises(InvalidInput, match=r"price \(number\).*got colour \(keyword\)"):
        catalog.upsert(Items.from_records([{"id": "a", "colour": "red"}]), vectors_of(1))


@pytest.mark.parametrize(
    ("item", "change", "error", "message"),
    [
        ("x", {"price": 1}, InvalidInput, "no item 'x'"),
        (5, {"price": 1}, InvalidInput, "no item 5"),
        ("\ud800", {"price": 1}, InvalidInput, "no item"),
        ("a", {}, InvalidInput, "at least one attribute"),
        ("a", {"colour": "red"}, UnknownAttribute, "brand, in_stock, price, released, stock, tags"),
        ("a", {"price": "1"}, InvalidInput, "price"),
        ("a", {"price": float("nan")}, ValueRangeError, "price"),
        ("a", {"price": 1.0, "in_stock": 1}, InvalidInput, "in_stock"),
    ],
)
def test_a_wrong_update_changes_nothing(
    catalog: Catalog, item: Any, change: dict[str, Any], error: type[InvalidInput], message: str
) -> None:
    with pytest.raises(error, match=message):
        catalog.update(item, **change)
    assert catalog.snapshot().sequence == 0
    assert catalog.snapshot().record(0)["price"] == 10.0


@pytest.mark.parametrize("ids", ["a", ["a", 5], [None]])
def test_delete_wants_a_list_of_ids(catalog: Catalog, ids: Any) -> None:
    with pytest.raises(InvalidInput):
        catalog.delete(ids)
    assert catalog.snapshot().live == 5


def test_rows_of_keeps_the_order_and_counts(catalog: Catalog) -> None:
    catalog.delete(["b"])
    rows, unknown = catalog.snapshot().rows_of(["e", "b", "a", "e", "nobody", 7, "\ud800"])
    assert (rows.tolist(), rows.dtype, unknown) == ([4, 0, 4], np.int32, 4)


@pytest.mark.parametrize("rows", [[-1], [5], [0, 9]])
def test_rows_must_exist(catalog: Catalog, rows: list[int]) -> None:
    now, wanted = catalog.snapshot(), np.array(rows, np.int32)
    for read in (now.ids, now.vectors_of, lambda rows: now.take("price", rows)):
        with pytest.raises(ValueRangeError, match=r"\[0, 5\)"):
            read(wanted)
    with pytest.raises(ShapeError):
        now.ids(rows)  # type: ignore[arg-type]
    with pytest.raises(UnknownAttribute, match="brand, in_stock"):
        now.column("colour")


@pytest.mark.parametrize("row", [-1, 5, 2**40, 2**80])
def test_a_record_wants_a_row_that_is_there(catalog: Catalog, row: int) -> None:
    with pytest.raises(ValueRangeError, match="rows"):
        catalog.snapshot().record(row)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint64"])
def test_rows_of_any_integer_type(dtype: str) -> None:
    names = [f"i{n}" for n in range(256)]
    catalog = Catalog(items_of(*names), vectors_of(256))
    rows = np.array([0, 5, np.iinfo(dtype).max if dtype == "uint8" else 127], dtype)
    for _ in range(2):
        now = catalog.snapshot()
        assert now.ids(rows) == tuple(f"i{n}" for n in rows)
        np.testing.assert_array_equal(now.vectors_of(rows), vectors_of(256)[rows])
        np.testing.assert_array_equal(now.take("price", rows), now.column("price")[rows])
        catalog.upsert(items_of("new"), vectors_of(1))


def test_an_attribute_may_be_called_anything() -> None:
    items = Items.from_records([{"id": "a", "identifier": "x"}])
    catalog = Catalog(items, vectors_of(1))
    catalog.update("a", identifier="y")
    assert catalog.snapshot().record(0)["identifier"] == "y"


def test_columns_are_read_as_they_are_stored(catalog: Catalog) -> None:
    catalog.upsert(items_of("f", brand="Bolt", price=3.5), vectors_of(1))
    now = catalog.snapshot()
    assert now.column("price").tolist() == [10.0] * 5 + [3.5]
    assert now.column("brand").tolist() == now.codes("brand", ["Acme"] * 5 + ["Bolt"]).tolist()
    assert now.vocabulary("brand") == ("Acme", "Bolt")
    assert now.codes("brand", ["Bolt", "?"]).tolist() == [1, -1]
    assert now.take("in_stock", np.array([5, 0])).tolist() == [True, True]
    assert now.take("title", np.array([5])).tolist() == ["Lamp"]


def test_eligible_leaves_out_what_it_is_told(catalog: Catalog) -> None:
    catalog.update("a", price=99)
    catalog.delete(["b"])
    now, excluded = catalog.snapshot(), np.array([4, 4, 1], np.int32)
    where = parse_where({"price": (None, 50)})
    for condition, exclude, rows in [
        (None, None, [0, 2, 3, 4]),
        (None, excluded, [0, 2, 3]),
        (where, None, [2, 3, 4]),
        (where, excluded, [2, 3]),
    ]:
        eligible = now.eligible(condition, exclude)
        bits = np.unpackbits(eligible.bitmap, bitorder="little")
        assert np.flatnonzero(bits).tolist() == rows
        assert (eligible.count, eligible.rows) == (len(rows), 5)


def test_a_snapshot_that_is_held_for_long_stays(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest version moves on to memory of its own, again and again."""
    monkeypatch.setattr(versions, "MIN_NOTES", 3 * versions.NOTE)
    catalog.upsert(items_of("f"), vectors_of(1))
    held, memories = [], set()
    for step in range(40):
        catalog.update("f" if step % 3 else "a", price=float(step), title=str(step))
        now = catalog.snapshot()
        held.append((now, now.record(0), now.record(5)))
        memories.add(id(now.columns["price"].stored.memory))
    assert len(memories) > 5
    for now, first, last in held:
        assert (now.record(0), now.record(5)) == (first, last)
        assert now.column("price").tolist() == [first["price"], *[10.0] * 4, last["price"]]
    expected = [float(3 * (step // 3)) for step in range(40)]
    assert [first["price"] for _, first, _ in held] == expected


def test_memory_is_kept_where_no_snapshot_is_held(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "MIN_NOTES", 3 * versions.NOTE)
    memory = catalog.snapshot().columns["price"].stored.memory
    for step in range(40):
        catalog.update("a", price=float(step))
    assert catalog.snapshot().columns["price"].stored.memory is memory


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


@catalogs.patient
@given(st.lists(catalogs.ids, min_size=1, unique=True))
def test_every_id_is_found(names: list[str]) -> None:
    now = Catalog(items_of(*names), np.ones((len(names), 2), np.float32)).snapshot()
    assert now.rows_of(names)[0].tolist() == list(range(len(names)))
    assert now.row(names[0] + "!") in (None, *range(len(names)))


def test_ids_with_the_same_hash_are_told_apart() -> None:
    names = ["plumless", "buckeroo"]  # their CRC-32 is the same
    now = Catalog(items_of(*names, "other"), vectors_of(3)).snapshot()
    assert [now.row(name) for name in names] == [0, 1]
