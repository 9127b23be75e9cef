"""A snapshot: its rows, columns and eligible rows, and that it stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog import versions
from edgerec.catalog.catalog import Catalog
from edgerec.errors import ShapeError, UnknownAttribute, ValueRangeError
from edgerec.values.where import parse_where
from tests.small_catalog import five_items, items_of, vectors_of
from tests.strategies import catalogs


@pytest.fixture
def catalog() -> Catalog:
    return five_items()


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
