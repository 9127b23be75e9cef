"""Items on their way into the catalogue: ids, attributes and their schema, all checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgerec.catalog.attributes import (
    Attribute,
    Value,
    check_value,
    encode,
    infer_kind,
    plain,
)
from edgerec.catalog.item_columns import ItemColumn, check_column, column_like
from edgerec.errors import InvalidInput, UnknownAttribute, ValueRangeError

__all__ = ["Items", "Schema", "check_id", "check_values", "in_stock", "with_stock_flag"]

MAX_ID_BYTES = 256
Schema = tuple[Attribute, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Some items, column by column.

    Parameters
    ----------
    ids : (n,) tuple of str
        Unique, each 1 to 256 bytes of UTF-8.
    columns : mapping of str to (n,) column
        One for every attribute of ``schema``: float64, finite, for a number; bool for a boolean;
        int64 for a timestamp; a tuple of str for a keyword or a text, of tuples of str for a set.
        Arrays are copied and made read-only.
    schema : tuple of Attribute

    Where the schema has a number ``stock`` and no ``in_stock``, a boolean ``in_stock`` =
    ``stock > 0`` is added to both.

    Raises
    ------
    InvalidInput, ShapeError, ValueRangeError, UnknownAttribute, LimitExceeded
        Of the first id or value that does not fit.
    """

    ids: tuple[str, ...]
    columns: Mapping[str, ItemColumn]
    schema: Schema

    def __post_init__(self) -> None:
        ids = tuple(self.ids)
        _check_ids(ids)
        schema = tuple(self.schema)
        _check_names(self.columns, schema)
        columns = {a.name: check_column(a, self.columns[a.name], ids) for a in schema}
        if with_stock_flag(schema) != schema:
            columns["in_stock"] = in_stock(columns["stock"])
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "schema", with_stock_flag(schema))

    @classmethod
    def from_records(
        cls, records: Iterable[Mapping[str, object]], schema: Sequence[Attribute] | None = None
    ) -> Items:
        """Read items from mappings with an ``id`` and the attributes.

        Parameters
        ----------
        records : iterable of mappings
        schema : sequence of Attribute, optional
            Without one, the first record decides (see :func:`attributes.infer_kind`).
            A record may leave out ``in_stock`` where it has ``stock``.

        Raises
        ------
        InvalidInput
            An attribute is missing, a value has the wrong type, an id is not a str or stands
            twice.
        UnknownAttribute
            A record has an attribute that the schema lacks.
        ValueRangeError
            A number is not finite.
        """
        rows = [_record(record, position) for position, record in enumerate(records)]
        if schema is None:
            first = rows[0] if rows else {}
            schema = [Attribute(k, infer_kind(k, v)) for k, v in first.items() if k != "id"]
        complete = with_stock_flag(tuple(schema))
        checked = [check_values(complete, row, _name(row["id"])) for row in rows]
        columns = {a.name: column_like(a, [row[a.name] for row in checked]) for a in complete}
        return cls(tuple(plain(row["id"]) for row in rows), columns, complete)  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.ids)

    def record(self, position: int) -> dict[str, Any]:
        """Return one item as a mapping, as :meth:`from_records` takes it."""
        values = {name: plain(column[position]) for name, column in self.columns.items()}
        return {"id": self.ids[position], **values}


def with_stock_flag(schema: Schema) -> Schema:
    """Add a boolean ``in_stock`` to ``schema`` where it has a number ``stock`` and none."""
    names = {attribute.name for attribute in schema}
    if Attribute("stock", "number") in schema and "in_stock" not in names:
        return (*schema, Attribute("in_stock", "boolean"))
    return schema


def in_stock(stock: ItemColumn) -> ItemColumn:
    """Return the column ``in_stock`` that follows from the column ``stock``."""
    there = np.asarray(stock) > 0
    there.flags.writeable = False
    return there


def check_id(identifier: object) -> str:
    """Return ``identifier`` if it can be an id.

    Raises
    ------
    InvalidInput
        Not a str, or not writable as UTF-8.
    ValueRangeError
        Empty, or longer than 256 bytes.
    """
    identifier = plain(identifier)
    if not isinstance(identifier, str):
        raise InvalidInput(f"an id must be a str, got {type(identifier).__name__}: {identifier!r}")
    if identifier.isascii():
        size_bytes = len(identifier)
    else:
        size_bytes = len(encode(identifier, f"id {identifier[:40]!r}"))
    if not 1 <= size_bytes <= MAX_ID_BYTES:
        raise ValueRangeError(
            f"an id must have 1 to {MAX_ID_BYTES} bytes, got {size_bytes}: {identifier[:40]!r}"
        )
    return identifier


def check_values(schema: Schema, values: Mapping[str, object], where: str) -> dict[str, Value]:
    """Return a complete set of values for ``schema``; ``in_stock`` may be left out."""
    known = {attribute.name for attribute in schema}
    for name in values:
        if name not in known and name != "id":
            raise UnknownAttribute(
                f"{where}: no attribute {name!r}; the catalogue has {', '.join(sorted(known))}"
            )
    checked: dict[str, Value] = {}
    for attribute in schema:
        if attribute.name in values:
            checked[attribute.name] = check_value(attribute, values[attribute.name], where)
        elif attribute.name == "in_stock" and "stock" in checked:
            checked["in_stock"] = float(checked["stock"]) > 0  # type: ignore[arg-type]
        else:
            raise InvalidInput(f"{where}: attribute {attribute.name!r} is missing")
    return checked


def _record(record: object, position: int) -> Mapping[str, object]:
    if not isinstance(record, Mapping):
        raise InvalidInput(
            f"record {position} must be a mapping, got {type(record).__name__}: {record!r}"
        )
    if "id" not in record:
        raise InvalidInput(f"record {position} has no 'id'; it has {', '.join(map(str, record))}")
    return record


def _name(identifier: object) -> str:
    return f"item {identifier!r}"


def _check_ids(ids: tuple[str, ...]) -> None:
    for identifier in ids:
        check_id(identifier)
    if len(set(ids)) != len(ids):
        twice = next(identifier for identifier, count in Counter(ids).items() if count > 1)
        raise InvalidInput(f"ids must be unique, got {twice!r} more than once")


def _check_names(columns: Mapping[str, ItemColumn], schema: Schema) -> None:
    names = [attribute.name for attribute in schema]
    if len(set(names)) != len(names):
        raise InvalidInput(f"attributes must differ, got {', '.join(names)}")
    for name in columns:
        if name not in names:
            raise UnknownAttribute(
                f"no attribute {name!r} in the schema, which has {', '.join(sorted(names))}"
            )
    for name in names:
        if name not in columns:
            raise InvalidInput(f"attribute {name!r} of the schema has no column")
