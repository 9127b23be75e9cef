"""Filters: a ``where`` tree over the columns of the catalogue, as a bitmap of rows.

The operands are checked against the attribute's kind, so that a filter never compares apples with
pears and calls it "nothing found". A word that no item has is no mistake: nothing is eligible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.attributes import check_number
from edgerec.catalog.bitmaps import Bitmap
from edgerec.catalog.columns import Column
from edgerec.catalog.predicates import Predicates
from edgerec.catalog.versions import Test
from edgerec.catalog.wordsets import WordSets
from edgerec.errors import InvalidInput, UnknownAttribute
from edgerec.kernels import bitmaps as kernels
from edgerec.values.times import nanoseconds
from edgerec.values.where import Branch, Condition, Leaf, Scalar

__all__ = ["select"]

Mask = NDArray[np.bool_]

FEW = 8  # up to here a list is compared value by value, which vectorises
NOT = 1  # what turns a join into the join with the complement
COMPARISONS: dict[str, Callable[..., object]] = {
    "eq": np.equal,
    "gte": np.greater_equal,
    "gt": np.greater,
    "lte": np.less_equal,
    "lt": np.less,
}


def select(
    condition: Condition, columns: Mapping[str, Column], among: Bitmap, predicates: Predicates
) -> tuple[Bitmap, int]:
    """Return the rows of ``among`` that meet ``condition``, and how many they are.

    Parameters
    ----------
    condition : Condition
    columns : mapping of str to (n,) Column, at least one
    among : (ceil(n / 8),) uint8 bitmap
    predicates : Predicates
        Where bitmaps of single comparisons are kept, of these columns and their other versions.

    Raises
    ------
    UnknownAttribute
        The filter names an attribute that ``columns`` lacks; the message lists those it has.
    InvalidInput
        A value or an operator does not suit the attribute's kind.
    ValueRangeError
        An integer beyond ±2^53, or NaN.
    """
    inputs: list[Bitmap] = []
    steps: list[tuple[int, int]] = []

    def add(node: Condition, join: int) -> None:
        """Join what ``node`` says to the top of the stack, or push it."""
        while isinstance(node, Branch) and node.operator == "not":
            node, join = node.conditions[0], join ^ NOT
        if isinstance(node, Leaf):
            steps.append((join, len(inputs)))
            inputs.append(_bitmap(node, columns, predicates))
            return
        add(node.conditions[0], kernels.COPY)
        for child in node.conditions[1:]:
            add(child, kernels.AND if node.operator == "and" else kernels.OR)
        if join != kernels.COPY:
            steps.append((join, kernels.POPPED))

    add(condition, kernels.COPY)
    steps.append((kernels.AND, len(inputs)))
    rows = len(next(iter(columns.values())))
    return kernels.combine([*inputs, among], steps, rows)


def _bitmap(leaf: Leaf, columns: Mapping[str, Column], predicates: Predicates) -> Bitmap:
    column = columns.get(leaf.field)
    if column is None:
        raise UnknownAttribute(
            f"filter on {leaf.field!r}: no such attribute; the catalogue has "
            f"{', '.join(sorted(columns))}"
        )
    return predicates.bitmap(
        leaf, column.stored, lambda: TESTS[column.attribute.kind](leaf, column)
    )


def _number(leaf: Leaf, _column: Column) -> Test:
    return _ordered(leaf, _bound)


def _timestamp(leaf: Leaf, _column: Column) -> Test:
    return _ordered(leaf, lambda value, leaf: nanoseconds(value, f"filter on {leaf.field}"))


def _ordered(leaf: Leaf, bound_of: Callable[[Scalar, Leaf], float]) -> Test:
    if isinstance(leaf.value, tuple):
        return _any_of([bound_of(value, leaf) for value in leaf.value])
    compare, bound = COMPARISONS[leaf.operator], bound_of(leaf.value, leaf)
    return lambda values, out: compare(values, bound, out=out)


def _boolean(leaf: Leaf, column: Column) -> Test:
    return _any_of(_equals(leaf, column, bool))


def _keyword(leaf: Leaf, column: Column) -> Test:
    words = _equals(leaf, column, str)
    codes = [code for word in words if (code := column.vocabulary.code(word)) is not None]
    if len(codes) <= FEW:
        return _any_of(codes)
    table = np.zeros(len(column.vocabulary), np.bool_)
    table[codes] = True
    return _looked_up(table)


def _set(leaf: Leaf, column: Column) -> Test:
    words = _equals(leaf, column, str)
    assert isinstance(column.words, WordSets)
    return _looked_up(column.words.having(words))


def _text(leaf: Leaf, _column: Column) -> Test:
    raise InvalidInput(
        f"filter on {leaf.field}: it is a text, which is never compared; "
        f"give it the kind 'keyword' in the schema to filter on it"
    )


TESTS: dict[str, Callable[[Leaf, Column], Test]] = {
    "number": _number,
    "boolean": _boolean,
    "keyword": _keyword,
    "set": _set,
    "timestamp": _timestamp,
    "text": _text,
}


def _looked_up(table: Mask) -> Test:
    """Test codes by a table; a code beyond it is one that a newer version brought."""
    if not table.any():
        return _any_of(())
    return lambda codes, out: np.take(table, codes, out=out, mode="clip")


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
