"""Filters: a ``where`` tree over the columns of the catalogue, as a mask of rows.

The operands are checked against the attribute's kind, so that a filter never compares apples with
pears and calls it "nothing found". A category that no item has is no mistake: nothing is eligible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.attributes import check_number
from edgerec.catalog.columns import Column
from edgerec.catalog.versions import Test
from edgerec.errors import InvalidInput, UnknownAttribute
from edgerec.values.where import Branch, Condition, Leaf, Scalar

__all__ = ["evaluate"]

Mask = NDArray[np.bool_]

FEW = 8  # up to here a list is compared value by value, which vectorises
COMPARISONS: dict[str, Callable[..., object]] = {
    "eq": np.equal,
    "gte": np.greater_equal,
    "gt": np.greater,
    "lte": np.less_equal,
    "lt": np.less,
}


def evaluate(condition: Condition, columns: Mapping[str, Column]) -> Mask:
    """Return the rows that meet ``condition``, (n,) bool, the caller's to change.

    Raises
    ------
    UnknownAttribute
        The filter names an attribute that ``columns`` lacks; the message lists those it has.
    InvalidInput
        A value or an operator does not suit the attribute's kind.
    ValueRangeError
        An integer beyond ±2^53, or NaN.
    """
    if isinstance(condition, Leaf):
        return _leaf(condition, columns)
    masks = (evaluate(child, columns) for child in condition.conditions)
    return _joined(condition, masks)


def _joined(branch: Branch, masks: Iterator[Mask]) -> Mask:
    result = next(masks)
    if branch.operator == "not":
        return np.logical_not(result, out=result)
    join = np.logical_and if branch.operator == "and" else np.logical_or
    for mask in masks:
        join(result, mask, out=result)
    return result


def _leaf(leaf: Leaf, columns: Mapping[str, Column]) -> Mask:
    column = columns.get(leaf.field)
    if column is None:
        raise UnknownAttribute(
            f"filter on {leaf.field!r}: no such attribute; the catalogue has "
            f"{', '.join(sorted(columns))}"
        )
    return column.stored.mask(TESTS[column.attribute.kind](leaf, column))


def _number(leaf: Leaf, _column: Column) -> Test:
    if isinstance(leaf.value, tuple):
        return _any_of([_bound(value, leaf) for value in leaf.value])
    compare, bound = COMPARISONS[leaf.operator], _bound(leaf.value, leaf)
    return lambda values, out: compare(values, bound, out=out)


def _flag(leaf: Leaf, column: Column) -> Test:
    return _any_of(_equals(leaf, column, bool))


def _category(leaf: Leaf, column: Column) -> Test:
    words = _equals(leaf, column, str)
    codes = [code for word in words if (code := column.vocabulary.code(word)) is not None]
    if len(codes) <= FEW:
        return _any_of(codes)
    table = np.zeros(len(column.vocabulary), np.bool_)
    table[codes] = True
    return lambda values, out: np.take(table, values, out=out, mode="clip")


def _text(leaf: Leaf, _column: Column) -> Test:
    raise InvalidInput(
        f"filter on {leaf.field}: it is a text, which is never compared; "
        f"give it the kind 'category' in the schema to filter on it"
    )


TESTS: dict[str, Callable[[Leaf, Column], Test]] = {
    "number": _number,
    "flag": _flag,
    "category": _category,
    "text": _text,
}


def _any_of(values: Sequence[Any]) -> Test:
    """Test for equality with any of ``values``."""

    def test(stored: NDArray[Any], out: Mask) -> None:
        if len(values) > FEW:
            out[:] = np.isin(stored, values)
            return
        out[:] = False
        for value in values:
            np.logical_or(out, stored == value, out=out)

    if len(values) == 1:
        return lambda stored, out: np.equal(stored, values[0], out=out)
    return test


def _bound(value: Scalar, leaf: Leaf) -> float:
    """Return a number to compare with; a filter may say infinity."""
    if isinstance(value, float) and np.isinf(value):
        return value
    return check_number(value, f"filter on {leaf.field}, a number,")


def _equals(leaf: Leaf, column: Column, wanted: type[Any]) -> tuple[Any, ...]:
    """Return the operands of ``eq`` or ``in``, checked."""
    kind = column.attribute.kind
    if leaf.operator not in ("eq", "in"):
        raise InvalidInput(
            f"filter on {leaf.field}: a {kind} is compared by eq or in, not {leaf.operator}"
        )
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    for value in values:
        if not isinstance(value, wanted):
            raise InvalidInput(
                f"filter on {leaf.field}, a {kind}, wants a {wanted.__name__}, "
                f"got {type(value).__name__}: {value!r}"
            )
    return values
