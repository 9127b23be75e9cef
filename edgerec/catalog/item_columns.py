"""Columns of items on their way in: the values of one attribute, checked together.

What fits is found out without looking at the values one by one; only where something does not, or
is not in its stored form yet, they are, for the message names the item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.attributes import (
    LARGEST_INTEGER,
    MAX_TEXT_BYTES,
    Attribute,
    Value,
    check_value,
)
from edgerec.errors import ShapeError

__all__ = ["ARRAYS", "ItemColumn", "check_column", "column_like"]

ItemColumn = NDArray[Any] | tuple[Any, ...]
Given = NDArray[Any] | Sequence[Any]

NO_TIME = np.iinfo(np.int64).min

ARRAYS: dict[str, type[Any]] = {
    "number": np.float64,
    "boolean": np.bool_,
    "timestamp": np.int64,
}
"""Kinds whose columns are arrays; those of the others are tuples."""


def column_like(attribute: Attribute, values: Iterable[Value]) -> ItemColumn:
    """Return checked values as a column of the attribute's kind."""
    if attribute.kind in ARRAYS:
        return _frozen(np.array(list(values), ARRAYS[attribute.kind]))
    return tuple(values)


def check_column(
    attribute: Attribute, column: Given, ids: Sequence[object], where: str = "item"
) -> ItemColumn:
    """Return the values of one attribute, one an id, in the form that :class:`Items` holds.

    Parameters
    ----------
    attribute : Attribute
    column : (n,) array or sequence
    ids : (n,) sequence
        Whose values they are; ``where`` and an id begin the message of an error.

    Raises
    ------
    ShapeError
        Not one value an id, or an array of another dtype or rank.
    InvalidInput, ValueRangeError, LimitExceeded
        Of the first value that does not fit; see :func:`check_value`.
    """
    if len(column) != len(ids):
        raise ShapeError(
            f"attribute {attribute.name!r} wants {len(ids)} values, one an id, got {len(column)}"
        )
    if isinstance(column, np.ndarray) and attribute.kind in ARRAYS:
        return _array(attribute, column, ids, where)
    values = column.tolist() if isinstance(column, np.ndarray) else column
    fitting = FITTING.get(attribute.kind)
    if fitting is not None and fitting(values):
        return column_like(attribute, values)
    return column_like(attribute, _checked(attribute, values, ids, where))


def _checked(
    attribute: Attribute, values: Sequence[Any], ids: Sequence[object], where: str
) -> list[Value]:
    return [
        check_value(attribute, value, f"{where} {identifier!r}")
        for value, identifier in zip(values, ids, strict=True)
    ]


def _array(
    attribute: Attribute, column: NDArray[Any], ids: Sequence[object], where: str
) -> NDArray[Any]:
    kind, dtype = attribute.kind, column.dtype
    accepted = {"number": "iuf", "boolean": "b", "timestamp": "iM"}[kind]
    if dtype.kind not in accepted or column.ndim != 1:
        wanted = {"number": "numbers", "boolean": "bool", "timestamp": "int64 or datetime64"}[kind]
        raise ShapeError(
            f"{kind} {attribute.name!r} wants a (n,) array of {wanted}, got {dtype} {column.shape}"
        )
    if kind == "number":
        wrong = ~np.isfinite(column) if dtype.kind == "f" else _too_large(column)
    elif dtype.kind == "M":
        times = column.astype("datetime64[ns]")  # wraps around where int64 is too short
        column = np.where(times.astype(dtype) == column, times.view(np.int64), NO_TIME)
        wrong = column == NO_TIME
    else:
        wrong = np.zeros(0, np.bool_)
    if wrong.any():  # the check of one value has the message
        place = int(wrong.argmax())
        check_value(attribute, column[place], f"{where} {ids[place]!r}")
    return _frozen(column.astype(ARRAYS[kind], copy=False), given=column)


def _too_large(column: NDArray[Any]) -> NDArray[np.bool_]:
    return (column > LARGEST_INTEGER) | (column < -LARGEST_INTEGER)


def _frozen(array: NDArray[Any], given: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return an array that nobody can write to; a copy where somebody could."""
    array = array.copy() if array is given and array.flags.writeable else array
    array.flags.writeable = False
    return array


def _plain_numbers(values: Sequence[Any]) -> bool:
    types = set(map(type, values))
    if not types <= {int, float}:
        return False
    integers = [value for value in values if type(value) is int] if int in types else [0]
    within = min(integers) >= -LARGEST_INTEGER and max(integers) <= LARGEST_INTEGER
    return within and bool(np.isfinite(np.array(values, np.float64)).all())


def _plain_booleans(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {bool}


def _plain_texts(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {str} and all(
        value.isascii() and len(value) <= MAX_TEXT_BYTES for value in values
    )


FITTING: dict[str, Callable[[Sequence[Any]], bool]] = {
    "number": _plain_numbers,
    "boolean": _plain_booleans,
    "keyword": _plain_texts,
    "text": _plain_texts,
}
"""Whether values, not one of which needs to be named, are in their stored form."""
