"""Items: what comes in stays what it was, and what cannot come in is named."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog.attributes import Attribute, infer_kind
from edgerec.catalog.items import Items, check_id
from edgerec.errors import (
    InvalidInput,
    LimitExceeded,
    ShapeError,
    UnknownAttribute,
    ValueRangeError,
)
from tests.strategies import catalogs

LAMP = {"id": "lamp", "title": "Desk lamp", "brand": "Acme", "price": 9.99, "stock": 3}


@catalogs.patient
@given(catalogs.records())
def test_records_come_back(records: list[dict[str, Any]]) -> None:
    items = Items.from_records(records, catalogs.SCHEMA)
    for place, record in enumerate(records):
        derived = {"in_stock": record["stock"] > 0}
        assert items.record(place) == derived | record


@catalogs.patient
@given(catalogs.records())
def test_columns_equal_records(records: list[dict[str, Any]]) -> None:
    items = Items.from_records(records, catalogs.SCHEMA)
    again = Items(items.ids, items.columns, items.schema)
    assert [again.record(i) for i in range(len(again))] == [
        items.record(i) for i in range(len(items))
    ]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("price", 1, "number"),
        ("price", 0.5, "number"),
        ("price", np.float32(0.5), "number"),
        ("new", True, "boolean"),
        ("new", np.bool_(True), "boolean"),
        ("brand", "Acme", "keyword"),
        ("title", "Lamp", "text"),
        ("tags", ["new"], "set"),
        ("tags", {"new"}, "set"),
        ("released", datetime(2026, 1, 1, tzinfo=UTC), "timestamp"),
    ],
)
def test_kind_is_read_off_a_value(name: str, value: object, kind: str) -> None:
    assert infer_kind(name, value) == kind


def test_the_first_record_gives_the_schema() -> None:
    schema = Items.from_records([LAMP]).schema
    assert {a.name: a.kind for a in schema} == {
        "title": "text",
        "brand": "keyword",
        "price": "number",
        "stock": "number",
        "in_stock": "boolean",
    }


@pytest.mark.parametrize("stock", [-1, 0, 1, 7])
def test_in_stock_follows_stock_unless_given(stock: int) -> None:
    derived = Items.from_records([LAMP | {"stock": stock}]).record(0)["in_stock"]
    given_ = Items.from_records([LAMP | {"stock": stock, "in_stock": False}]).record(0)["in_stock"]
    assert (derived, given_) == (stock > 0, False)


def test_no_records_are_no_items() -> None:
    assert len(Items.from_records([])) == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"price": math.nan}, ValueRangeError),
        ({"price": math.inf}, ValueRangeError),
        ({"price": 2**53 + 1}, ValueRangeError),
        ({"price": 10**400}, ValueRangeError),
        ({"price": "9.99"}, InvalidInput),
        ({"price": True}, InvalidInput),
        ({"price": None}, InvalidInput),
        ({"in_stock": 1}, InvalidInput),
        ({"brand": 7}, InvalidInput),
        ({"title": "\ud800"}, InvalidInput),
        ({"tags": "new"}, InvalidInput),
        ({"tags": ["new", 5]}, InvalidInput),
        ({"tags": ["\ud800"]}, InvalidInput),
        ({"released": 0.5}, InvalidInput),
        ({"released": False}, InvalidInput),
        ({"released": "soon"}, InvalidInput),
        ({"released": datetime(2026, 1, 1)}, InvalidInput),
        ({"released": 2**63}, ValueRangeError),
        ({"released": "1600-01-01"}, ValueRangeError),
        ({"title": "x" * 65_537}, LimitExceeded),
        ({"colour": "red"}, UnknownAttribute),
        ({"id": 5}, InvalidInput),
        ({"id": ""}, ValueRangeError),
        ({"id": "ü" * 129}, ValueRangeError),
        ({"id": "\udcff"}, InvalidInput),
    ],
)
def test_a_wrong_value_is_refused(change: dict[str, Any], error: type[InvalidInput]) -> None:
    with pytest.raises(error) as refusal:
        Items.from_records([LAMP | {"tags": [], "released": 0} | change], catalogs.SCHEMA)
    (name,) = change
    assert name in str(refusal.value)


def test_a_missing_attribute_is_named() -> None:
    record = {key: value for key, value in LAMP.items() if key != "price"}
    with pytest.raises(InvalidInput, match="'price' is missing"):
        Items.from_records([LAMP, record])


def test_an_id_stands_once() -> None:
    with pytest.raises(InvalidInput, match="'lamp' more than once"):
        Items.from_records([LAMP, LAMP])


@pytest.mark.parametrize("record", [None, "lamp", ["lamp"], {"title": "no id"}])
def test_a_record_is_a_mapping_with_an_id(record: Any) -> None:
    with pytest.raises(InvalidInput, match="record 0"):
        Items.from_records([record])


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"price": np.array([1.0])}, ShapeError),
        ({"price": np.array([[1.0, 2.0]])}, ShapeError),
        ({"price": np.array(["1", "2"])}, ShapeError),
        ({"price": np.array([1.0, np.nan])}, ValueRangeError),
        ({"price": np.array([1, 2**60])}, ValueRangeError),
        ({"price": ("a", "b")}, InvalidInput),
        ({}, InvalidInput),
        ({"price": np.array([1.0, 2.0]), "colour": ("r", "g")}, UnknownAttribute),
    ],
)
def test_columns_are_checked(columns: dict[str, Any], error: type[InvalidInput]) -> None:
    with pytest.raises(error):
        Items(("a", "b"), columns, (Attribute("price", "number"),))


@pytest.mark.parametrize(
    ("kind", "column", "stored"),
    [
        ("number", [1, 2.5], [1.0, 2.5]),
        ("number", np.array([1, 2], np.uint8), [1.0, 2.0]),
        ("boolean", [True, False], [True, False]),
        ("keyword", ["a", "ü"], ["a", "ü"]),
        ("keyword", np.array(["a", "b"]), ["a", "b"]),
        ("set", [{"b", "a"}, ["c", "c"]], [("a", "b"), ("c",)]),
        ("timestamp", [0, "1970-01-01T00:00:01Z"], [0, 10**9]),
        ("timestamp", np.array([3, 4], np.int32), [3, 4]),
        ("timestamp", np.array(["1970-01-01", "1970-01-02"], "M8[D]"), [0, 86_400 * 10**9]),
    ],
)
def test_a_column_is_read_into_its_stored_form(kind: Any, column: Any, stored: list[Any]) -> None:
    items = Items(("a", "b"), {"x": column}, (Attribute("x", kind),))
    assert [items.record(place)["x"] for place in range(2)] == stored


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("timestamp", np.array(["1970-01-01", "NaT"], "M8[s]")),
        ("timestamp", np.array(["1970-01-01", "1600-01-01"], "M8[D]")),
        ("timestamp", np.array([0.0, 1.0])),
        ("boolean", np.array([0, 1])),
        ("boolean", [True, 1]),
        ("number", [1, True]),
        ("number", [1, 10**400]),
        ("number", [1.0, math.inf]),
        ("keyword", ["a", "x" * 65_537]),
    ],
)
def test_a_column_of_another_kind_is_refused(kind: Any, column: Any) -> None:
    with pytest.raises(InvalidInput):
        Items(("a", "b"), {"x": column}, (Attribute("x", kind),))


@pytest.mark.parametrize(("older", "kind"), [("category", "keyword"), ("flag", "boolean")])
def test_older_names_of_kinds_are_read(older: Any, kind: str) -> None:
    assert Attribute("a", older) == Attribute("a", kind)  # type: ignore[arg-type]


def test_columns_are_copies_nobody_can_write_to() -> None:
    prices = np.array([1.0, 2.0])
    items = Items(("a", "b"), {"price": prices}, (Attribute("price", "number"),))
    prices[:] = 9
    assert items.record(0) == {"id": "a", "price": 1.0}
    with pytest.raises(ValueError, match="read-only"):
        items.columns["price"][0] = 9  # type: ignore[index]


@pytest.mark.parametrize(("name", "kind"), [("", "boolean"), ("id", "text"), ("a", "colour")])
def test_an_attribute_has_a_name_and_a_kind(name: str, kind: Any) -> None:
    with pytest.raises(InvalidInput):
        Attribute(name, kind)


@catalogs.patient
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_an_id_has_at_most_256_bytes(identifier: str) -> None:
    if len(identifier.encode()) <= 256:
        assert check_id(identifier) == identifier
    else:
        with pytest.raises(ValueRangeError, match="256"):
            check_id(identifier)
