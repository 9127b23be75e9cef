"""Changes of the catalogue while it serves: upsert, update, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.serving import Serving, encode_items
from edgerec.errors import InvalidInput
from edgerec.features.items import check_columns, check_numbers, check_values
from edgerec.values.results import Change

__all__ = ["delete", "new_items", "update", "update_many", "upsert"]

VECTOR_ATTRIBUTES = frozenset({"title", "brand", "category"})


def upsert(serving: Serving, records: Sequence[Mapping[str, Any]]) -> Change:
    """See :meth:`edgerec.engine.engine.Engine.upsert`."""
    given: object = records
    if isinstance(given, Mapping | str | bytes) or not isinstance(given, Sequence):
        raise InvalidInput(f"upsert takes a list of records, got {type(given).__name__}")
    items = new_items(serving, serving.catalog.snapshot(), records)
    vectors = encode_items(serving.sessions["item_tower"], serving.spec, items)
    return _done(serving, Change(serving.catalog.upsert(items, vectors)))


def update(serving: Serving, item: str, attributes: Mapping[str, Any]) -> Change:
    """See :meth:`edgerec.engine.engine.Engine.update`."""
    if touched := sorted(VECTOR_ATTRIBUTES & set(attributes)):
        raise InvalidInput(
            f"update of {item!r}: the vector is made of {', '.join(touched)}; upsert the item"
        )
    check_values(serving.spec, attributes, f"update of {item!r}")
    return Change(serving.catalog.update(item, **attributes))


def update_many(serving: Serving, ids: Sequence[str], columns: Mapping[str, Any]) -> Change:
    """See :meth:`edgerec.engine.engine.Engine.update_many`."""
    _check_ids("update_many", ids)
    if touched := sorted(VECTOR_ATTRIBUTES & set(columns)):
        raise InvalidInput(
            f"update_many: vectors are made of {', '.join(touched)}; upsert the items"
        )
    check_columns(serving.spec, columns, ids)
    return Change(*serving.catalog.update_many(ids, columns))


def delete(serving: Serving, ids: Sequence[str]) -> Change:
    """See :meth:`edgerec.engine.engine.Engine.delete`."""
    _check_ids("delete", ids)
    return _done(serving, Change(*serving.catalog.delete(ids)))


def _done(serving: Serving, change: Change) -> Change:
    """Return a change that left dead or later rows behind, once the catalogue is cared for."""
    if serving.upkeep is not None:
        serving.upkeep.check()
    return change


def _check_ids(verb: str, ids: object) -> None:
    if isinstance(ids, str | bytes) or not isinstance(ids, Sequence):
        raise InvalidInput(f"{verb} takes a list of item ids, got {ids!r}")


def new_items(serving: Serving, snapshot: Snapshot, records: Sequence[Mapping[str, Any]]) -> Items:
    """Items of the catalogue's schema from records.

    A record without a popularity keeps the one its item has, and a new item has none yet.
    """
    name = serving.settings.popularity
    complete = []
    for record in records:
        known: object = record
        if not isinstance(known, Mapping):
            raise InvalidInput(f"an item is a mapping of attributes, got {record!r}")
        if name not in known:
            row = snapshot.row(known["id"]) if isinstance(known.get("id"), str) else None
            popularity = 0 if row is None else snapshot.record(row)[name]
            record = {**known, name: popularity}
        complete.append(record)
    items = Items.from_records(complete, snapshot.schema)
    check_numbers(serving.spec, items)
    return items
