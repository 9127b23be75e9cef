"""Visits: one record holds who came when, what was typed, and what was clicked and bought."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from edgerec.errors import RecipeError

__all__ = ["Visit", "histories_of", "read_visits", "split_by_time", "with_histories"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of one shopper.

    Parameters
    ----------
    user : str
    time_ns : int
        UTC, nanoseconds since 1970.
    query : str or None
        What was typed; None for a visit that browsed.
    clicked : tuple of str
        Item ids, in order.
    purchased : tuple of str
        Item ids; they need not be among the clicked.
    """

    user: str
    time_ns: int
    query: str | None
    clicked: tuple[str, ...]
    purchased: tuple[str, ...]

    @property
    def touched(self) -> tuple[str, ...]:
        """Clicked items, then those that were bought without a click."""
        return self.clicked + tuple(i for i in self.purchased if i not in self.clicked)

    def gains(self) -> dict[str, float]:
        """Relevance of each item: 1 for a click, 2 for a purchase."""
        return {**dict.fromkeys(self.clicked, 1.0), **dict.fromkeys(self.purchased, 2.0)}


def read_visits(path: Path) -> list[Visit]:
    """Visits from a JSON-lines file, one object a line, in time order.

    ``{"user": "u1", "time": 1700000000000000000, "query": null, "clicked": ["i1"],
    "purchased": []}``

    Raises
    ------
    RecipeError
        The file is missing, or a line cannot be read; the message names it.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            visits = [_visit(line, path, number) for number, line in enumerate(lines, 1)]
    except OSError as error:
        raise RecipeError(f"visits: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"visits: {path} is not UTF-8: {error}") from error
    for number, (earlier, later) in enumerate(pairwise(visits), 2):
        if later.time_ns < earlier.time_ns:
            raise RecipeError(f"{path}:{number}: visits must be in time order; sort them by 'time'")
    return visits


def split_by_time(visits: Sequence[Visit], holdout: float) -> tuple[list[Visit], list[Visit]]:
    """The earlier visits, and the last ``holdout`` share of them.

    Raises
    ------
    RecipeError
        One of the two would be empty.
    """
    cut = len(visits) - round(len(visits) * holdout)
    if not 0 < cut < len(visits):
        raise RecipeError(
            f"holding out {holdout} of {len(visits)} visits leaves nothing on one side; "
            "give more visits or another share"
        )
    return list(visits[:cut]), list(visits[cut:])


def with_histories(
    visits: Iterable[Visit], histories: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Visit, tuple[str, ...]]]:
    """Each visit with the items its user had touched before it, oldest first."""
    state = {user: list(items) for user, items in histories.items()}
    for visit in visits:
        seen = state.setdefault(visit.user, [])
        yield visit, tuple(seen)
        seen.extend(visit.touched)


def histories_of(visits: Iterable[Visit]) -> dict[str, list[str]]:
    """Items each user touched, oldest first."""
    histories: dict[str, list[str]] = {}
    for visit in visits:
        histories.setdefault(visit.user, []).extend(visit.touched)
    return histories


def _visit(line: str, path: Path, number: int) -> Visit:
    try:
        record = json.loads(line)
        return Visit(
            user=_text(record["user"]),
            time_ns=int(record["time"]),
            query=None if record.get("query") is None else _text(record["query"]),
            clicked=_ids(record.get("clicked", ())),
            purchased=_ids(record.get("purchased", ())),
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(
            f"{path}:{number}: a visit is an object with user, time, query, clicked, purchased; "
            f"{type(error).__name__}: {error}"
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"wanted text, got {value!r}")
    return value


def _ids(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"wanted a list of item ids, got {values!r}")
    return tuple(_text(value) for value in values)
