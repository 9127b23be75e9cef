"""Filters and search, from their definitions, in plain Python and NumPy."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["codes_and_scale", "inner_product", "int8_score", "passes", "search"]

COMPARE = {
    "eq": operator.eq,
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "in": lambda value, wanted: value in wanted,
}


def passes(record: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """Whether a record meets a filter in canonical form."""
    if not where:
        return True
    if "and" in where:
        return all(passes(record, child) for child in where["and"])
    if "or" in where:
        return any(passes(record, child) for child in where["or"])
    if "not" in where:
        return not passes(record, where["not"])
    value = record[where["field"]]
    return all(_compare(name, value, w) for name, w in where.items() if name != "field")


def _compare(name: str, value: Any, wanted: Any) -> bool:
    if isinstance(value, tuple):  # a set: equal is to have it, in is to have one of them
        return bool({wanted} & set(value) if name == "eq" else set(wanted) & set(value))
    if isinstance(value, int) and not isinstance(value, bool):
        wanted = [_number(w) for w in wanted] if name == "in" else _number(wanted)
    return bool(COMPARE[name](value, wanted))


def _number(wanted: Any) -> Any:
    """The nanoseconds of a time in ISO 8601; a number is itself."""
    if not isinstance(wanted, str):
        return wanted
    local, east = (wanted[:-6], wanted[-6:]) if wanted[-6:-5] == "+" else (wanted, "+00:00")
    hours = np.timedelta64(int(east[1:3]), "h")
    return int((np.datetime64(local.rstrip("Z"), "ns") - hours).astype(np.int64))


def codes_and_scale(vector: NDArray[Any]) -> tuple[list[int], np.float32]:
    """int8 codes of one vector and their scale."""
    x = vector.astype(np.float32)
    largest = np.abs(x).max()
    smallest_normal = np.finfo(np.float32).tiny
    scale = max(np.float32(largest / np.float32(127)), smallest_normal) if largest else 1
    return [int(code) for code in np.rint(x / np.float32(scale))], np.float32(scale)


def int8_score(query: NDArray[np.float32], vector: NDArray[Any]) -> np.float32:
    """float32(dot) * row scale * query scale, in that order."""
    (q, query_scale), (v, row_scale) = codes_and_scale(query), codes_and_scale(vector)
    dot = sum(a * b for a, b in zip(q, v, strict=True))
    return np.float32(np.float32(dot) * row_scale) * query_scale


def inner_product(query: NDArray[np.float32], vector: NDArray[Any]) -> np.float32:
    """float32 inner product, summed over 16 lanes that are then folded in halves."""
    lanes = np.zeros(16, np.float32)
    for place, (a, b) in enumerate(zip(query, vector.astype(np.float32), strict=True)):
        lanes[place % 16] += a * b
    while lanes.size > 1:
        half = lanes.size // 2
        lanes = lanes[:half] + lanes[half:]
    return lanes[0] + np.float32(0)  # -0.0 counts as 0.0


def search(
    query: NDArray[np.float32], vectors: NDArray[Any], eligible: Sequence[int], k: int
) -> list[tuple[int, np.float32]]:
    """Rows and scores: the best max(30, 3k) by int8 score, of these the best k by the originals."""
    by_codes = sorted(eligible, key=lambda row: (-int8_score(query, vectors[row]), row))
    shortlist = by_codes[: max(30, 3 * k)]
    scored = [(row, inner_product(query, vectors[row])) for row in shortlist]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:k]


def length(query: NDArray[np.float32]) -> np.float32:
    """Return the length of a query, summed in order in double; 1 for one of zeros."""
    squares = 0.0
    for value in query.tolist():
        squares += value * value
    return np.float32(squares**0.5) if squares else np.float32(1)
