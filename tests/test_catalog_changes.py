"""Changes of a catalogue: what they do, what they refuse, and that a refused one does nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.changes import Update
from edgerec.catalog.items import Items
from edgerec.errors import InvalidInput, ShapeError, UnknownAttribute, ValueRangeError
from edgerec.values.where import parse_where
from tests.small_catalog import DIM, five_items, items_of, vectors_of
from tests.strategies import catalogs


@pytest.fixture
def catalog() -> Catalog:
    return five_items()


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


@pytest.mark.parametrize("value", [1.1e16, -3e38, np.inf, -np.inf, np.nan])
def test_a_vector_that_would_overflow_products_is_refused(catalog: Catalog, value: float) -> None:
    vectors = vectors_of(3)
    vectors[1, 2] = value
    with pytest.raises(ValueRangeError, match=r"vectors\[1\]"):
        catalog.upsert(items_of(*"xyz"), vectors)


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
