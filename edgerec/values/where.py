"""Filters: one canonical tree for Python, TOML, the command line and HTTP.

A leaf is ``{"field": "price", "gte": 10, "lt": 50}`` (several operators on one field must all
hold); a branch is ``{"and": [...]}``, ``{"or": [...]}`` or ``{"not": {...}}``. Keyword shorthands
are sugar on top: ``{"brand": ["Acme", "Bolt"], "price": (None, 50), "in_stock": True}`` reads a
list as *in*, a tuple as an inclusive range, anything else as *eq*; several fields must all hold.
A datetime, which needs a time zone, is written in ISO 8601.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.values.times import nanoseconds

__all__ = ["Branch", "Condition", "Leaf", "Where", "parse_where"]

OPERATORS = ("eq", "in", "gte", "gt", "lte", "lt")
MAX_DEPTH = 16
MAX_NODES = 1000
Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison; ``value`` is a tuple for ``in``."""

    field: str
    operator: Literal["eq", "in", "gte", "gt", "lte", "lt"]
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """Conditions joined; ``not`` has exactly one."""

    operator: Literal["and", "or", "not"]
    conditions: tuple[Condition, ...]


Condition = Leaf | Branch
Where = Mapping[str, Any]


def parse_where(where: Where | None) -> Condition | None:
    """Canonical form of a filter, or None where there is none.

    Raises
    ------
    InvalidInput
        A node is neither a leaf nor a branch, or an operator is unknown.
    LimitExceeded
        Deeper than 16 levels or more than 1000 nodes.
    """
    if where is None or where == {}:
        return None
    condition = _node(where, "where", 1)
    if _count(condition) > MAX_NODES:
        raise LimitExceeded(f"a filter may have at most {MAX_NODES} conditions")
    return condition


def _node(node: Any, path: str, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"{path}: a filter may be at most {MAX_DEPTH} levels deep")
    if not isinstance(node, Mapping) or not node:
        raise InvalidInput(f"{path} must be a mapping of conditions, got {node!r}")
    if "field" in node:
        return _leaves(node, path)
    if set(node) <= {"and", "or", "not"}:
        if len(node) != 1:
            raise InvalidInput(f"{path} holds {', '.join(node)}: give one of and, or, not")
        return _branch(node, path, depth)
    return _all([_shorthand(field, value, path) for field, value in node.items()])


def _branch(node: Mapping[str, Any], path: str, depth: int) -> Condition:
    ((operator, children),) = node.items()
    if operator == "not":
        return Branch("not", (_node(children, f"{path}.not", depth + 1),))
    if not isinstance(children, list | tuple) or not children:
        raise InvalidInput(f"{path}.{operator} must be a list of conditions, got {children!r}")
    return Branch(
        "and" if operator == "and" else "or",
        tuple(_node(c, f"{path}.{operator}[{i}]", depth + 1) for i, c in enumerate(children)),
    )


def _leaves(node: Mapping[str, Any], path: str) -> Condition:
    field = node["field"]
    operators = [key for key in node if key != "field"]
    if not isinstance(field, str) or not operators:
        raise InvalidInput(f"{path} wants a field's name and one of {', '.join(OPERATORS)}")
    return _all([_leaf(field, operator, node[operator], path) for operator in operators])


def _leaf(field: str, operator: str, value: Any, path: str) -> Leaf:
    if operator not in OPERATORS:
        raise InvalidInput(
            f"{path}.{field}: unknown operator {operator!r}; use one of {', '.join(OPERATORS)}"
        )
    if operator == "in":
        if not isinstance(value, list | tuple | set | frozenset):
            raise InvalidInput(f"{path}.{field}: 'in' wants a list, got {value!r}")
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return Leaf(field, "in", tuple(_scalar(v, field, path) for v in ordered))
    return Leaf(field, operator, _scalar(value, field, path))  # type: ignore[arg-type]


def _shorthand(field: str, value: Any, path: str) -> Condition:
    if isinstance(value, list | set | frozenset):
        return _leaf(field, "in", value, path)
    if isinstance(value, tuple):
        if len(value) != 2 or value == (None, None):
            raise InvalidInput(
                f"{path}.{field}: a range is (low, high), None for open; got {value!r}"
            )
        bounds = zip(("gte", "lte"), value, strict=True)
        return _all([_leaf(field, op, bound, path) for op, bound in bounds if bound is not None])
    if isinstance(value, Mapping):
        if "field" in value:
            raise InvalidInput(
                f"{path}.{field} names a field again, {value['field']!r}: give the operators alone"
            )
        return _leaves({"field": field, **value}, path)
    return _leaf(field, "eq", value, path)


def _scalar(value: Any, field: str, path: str) -> Scalar:
    if isinstance(value, np.generic):  # what an array's element is
        value = value.item()
    if isinstance(value, datetime):
        nanoseconds(value, f"{path}.{field}")  # has a time zone
        return value.isoformat()
    if isinstance(value, bool | str | int) or (isinstance(value, float) and value == value):
        return value
    raise InvalidInput(
        f"{path}.{field}: compare with text, a number, a boolean or a time, got {value!r}"
    )


def _all(conditions: list[Any]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Branch("and", tuple(conditions))


def _count(condition: Condition) -> int:
    if isinstance(condition, Leaf):
        return 1 + (len(condition.value) if isinstance(condition.value, tuple) else 0)
    return 1 + sum(_count(child) for child in condition.conditions)
