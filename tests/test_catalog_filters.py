"""Filters: the mask equals plain Python over the records, before and after changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.columns import Column, column_of
from edgerec.catalog.filters import select
from edgerec.catalog.items import Items
from edgerec.catalog.predicates import Predicates
from edgerec.errors import InvalidInput, UnknownAttribute, ValueRangeError
from edgerec.values.where import Condition, parse_where
from tests.oracles import retrieval as oracle
from tests.strategies import catalogs


def columns_of(records: list[dict[str, Any]]) -> dict[str, Column]:
    items = Items.from_records(records, catalogs.SCHEMA)
    return {a.name: column_of(a, items.columns[a.name]) for a in items.schema}


def condition(where: dict[str, Any]) -> Condition:
    parsed = parse_where(where)
    assert parsed is not None
    return parsed


def evaluate(
    where: Condition, columns: dict[str, Column], predicates: Predicates | None = None
) -> NDArray[np.bool_]:
    """The mask of the rows, which no other way of counting contradicts."""
    rows = len(columns["price"])
    every = np.full((rows + 7) // 8, 255, np.uint8)
    kept = Predicates() if predicates is None else predicates
    bitmap, count = select(where, columns, every, kept)
    bits = np.unpackbits(bitmap, bitorder="little")
    assert (count, bits[rows:].any()) == (bits.sum(), False)
    mask: NDArray[np.bool_] = bits[:rows].astype(np.bool_)
    return mask


def complete(record: dict[str, Any]) -> dict[str, Any]:
    return {"in_stock": record["stock"] > 0} | record


@catalogs.patient
@given(catalogs.records(), catalogs.wheres())
def test_a_mask_is_what_the_records_say(
    records: list[dict[str, Any]], where: dict[str, Any]
) -> None:
    mask = evaluate(condition(where), columns_of(records))
    assert mask.tolist() == [oracle.passes(complete(record), where) for record in records]


@catalogs.patient
@given(catalogs.records(), catalogs.records(), catalogs.wheres(), st.data())
def test_later_rows_and_changes_count_and_older_versions_stay(
    records: list[dict[str, Any]],
    more: list[dict[str, Any]],
    where: dict[str, Any],
    data: st.DataObject,
) -> None:
    before = columns_of(records)
    added = Items.from_records(more, catalogs.SCHEMA)
    after = {name: column.extended(added.columns[name]) for name, column in before.items()}
    now = [complete(record) for record in records + more]
    predicates = Predicates()  # asked while the columns change
    for row in data.draw(st.lists(st.integers(0, len(now) - 1), max_size=4)):
        if data.draw(st.booleans()):
            evaluate(condition(where), data.draw(st.sampled_from([before, after])), predicates)
        change = complete(data.draw(catalogs.attributes()))
        rows = np.array([row], np.int32)
        after = {name: column.changed(rows, [change[name]]) for name, column in after.items()}
        now[row] = now[row] | change
    if data.draw(st.booleans()):
        evaluate(condition(where), after, predicates)
    old = evaluate(condition(where), before, predicates)
    new = evaluate(condition(where), after, predicates)
    assert old.tolist() == [oracle.passes(complete(record), where) for record in records]
    assert new.tolist() == [oracle.passes(record, where) for record in now]


RECORDS = [
    {"id": "a", "title": "A", "brand": "Acme", "price": 49.99, "stock": 1}
    | {"tags": ["sale", "new"], "released": "2025-11-25T05:30:00+01:00"},
    {"id": "b", "title": "B", "brand": "Bolt", "price": 50.0, "stock": 0}
    | {"tags": [], "released": datetime(2026, 1, 1, tzinfo=UTC)},
]


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"price": 49.99}, [0]),
        ({"price": (None, 50)}, [0, 1]),
        ({"price": {"lt": 50}}, [0]),
        ({"in_stock": True}, [0]),
        ({"brand": ["Acme", "Bolt"]}, [0, 1]),
        ({"brand": "nobody"}, []),
        ({"brand": ["nobody"]}, []),
        ({"brand": []}, []),
        ({"brand": "Bolt", "price": (50, 50)}, [1]),
        ({"tags": "new"}, [0]),
        ({"tags": ["old", "sale"]}, [0]),
        ({"tags": []}, []),
        ({"not": {"tags": "new"}}, [1]),
        ({"released": ("2025-11-25T04:30:00Z", None)}, [0, 1]),
        ({"released": {"gt": "2025-11-25T04:30:00Z"}}, [1]),
        ({"released": datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))}, [1]),
        ({"released": ["2026-01-01", "2026-01-02"]}, [1]),
        ({"released": {"lt": 1_764_045_000_000_000_001}}, [0]),
    ],
)
def test_shorthands(where: dict[str, Any], rows: list[int]) -> None:
    assert np.flatnonzero(evaluate(condition(where), columns_of(RECORDS))).tolist() == rows


def test_an_unknown_attribute_lists_the_known_ones() -> None:
    with pytest.raises(UnknownAttribute, match=r"'colour'.*brand, in_stock, price, rel.*, title"):
        evaluate(condition({"colour": "red"}), columns_of(RECORDS))


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ({"price": "cheap"}, InvalidInput),
        ({"price": True}, InvalidInput),
        ({"price": [1, "2"]}, InvalidInput),
        ({"price": 2**53 + 1}, ValueRangeError),
        ({"price": 10**400}, ValueRangeError),
        ({"in_stock": 1}, InvalidInput),
        ({"in_stock": "yes"}, InvalidInput),
        ({"in_stock": {"gt": False}}, InvalidInput),
        ({"brand": 5}, InvalidInput),
        ({"brand": {"lt": "Bolt"}}, InvalidInput),
        ({"title": "A"}, InvalidInput),
        ({"tags": 5}, InvalidInput),
        ({"tags": {"gte": "new"}}, InvalidInput),
        ({"released": 1.5}, InvalidInput),
        ({"released": True}, InvalidInput),
        ({"released": "2025-11-25T04:30:00"}, InvalidInput),
        ({"released": "yesterday"}, InvalidInput),
        ({"released": "0001-01-01"}, ValueRangeError),
        ({"released": 2**63}, ValueRangeError),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    where: dict[str, Any], error: type[InvalidInput]
) -> None:
    (name,) = where
    with pytest.raises(error, match=name):
        evaluate(condition(where), columns_of(RECORDS))


def test_an_operand_that_only_equals_another_is_refused_all_the_same() -> None:
    columns, predicates = columns_of(RECORDS), Predicates()
    for right, wrong in [({"in_stock": True}, {"in_stock": 1}), ({"price": 1}, {"price": True})]:
        for where in (right, {name: [value] for name, value in right.items()}):
            evaluate(condition(where), columns, predicates)
        for where in (wrong, {name: [value] for name, value in wrong.items()}):
            with pytest.raises(InvalidInput):
                evaluate(condition(where), columns, predicates)


def test_a_refusal_is_not_hidden_behind_what_is_decided_already() -> None:
    where = {"or": [{"brand": "Acme"}, {"price": "cheap"}]}
    with pytest.raises(InvalidInput, match="price"):
        evaluate(condition(where), columns_of(RECORDS))
