"""Visits: one record holds who came when, what was typed, and what was clicked and bought."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from edgerec.catalog.items import check_id
from edgerec.errors import InvalidInput, RecipeError
from edgerec.events.json_lines import read_json_lines

__all__ = ["Arrival", "Visit", "arrivals", "read_visits", "split_by_time"]

FIRST_NS, LAST_NS = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of one shopper.

    Parameters
    ----------
    user : str
    time_ns : int
        UTC, nanoseconds since 1970, within int64.
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
        return self.clicked + tuple([i for i in self.purchased if i not in self.clicked])

    def gains(self) -> dict[str, float]:
        """Relevance of each item: 1 for a click, 2 for a purchase."""
        return {**dict.fromkeys(self.clicked, 1.0), **dict.fromkeys(self.purchased, 2.0)}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A visit and what its user had touched before it: item ids, oldest first."""

    visit: Visit
    history: tuple[str, ...]


def read_visits(path: Path) -> list[Visit]:
    """Visits from a JSON-lines file, one object a line, in time order.

    ``{"user": "u1", "time": 1700000000000000000, "query": null, "clicked": ["i1"],
    "purchased": []}``; ids of users and items are 1 to 256 bytes of UTF-8.

    Raises
    ------
    RecipeError
        The file is missing, or a line cannot be read; the message names it.
    """
    known = _Ids()
    visits = read_json_lines(path, lambda record: _visit(record, known))
    for number, (earlier, later) in enumerate(pairwise(visits), 2):
        if later.time_ns < earlier.time_ns:
            raise RecipeError(f"{path}:{number}: visits must be in time order; sort them by 'time'")
    return visits


def split_by_time(visits: Sequence[Visit], holdout: float) -> int:
    """Place of the first of the last ``holdout`` share of the visits.

    Raises
    ------
    RecipeError
        One of the two sides would be empty.
    """
    cut = len(visits) - round(len(visits) * holdout)
    if not 0 < cut < len(visits):
        raise RecipeError(
            f"holding out {holdout} of {len(visits)} visits leaves nothing on one side; "
            "give more visits or another share"
        )
    return cut


def arrivals(
    visits: Sequence[Visit], places: Collection[int]
) -> tuple[dict[int, Arrival], dict[str, list[str]]]:
    """The visits at ``places`` with their histories, and all histories after the last visit.

    Returns
    -------
    arrivals : dict of int to Arrival
        By place, ascending.
    histories : dict of str to list of str
        Items that each user touched, oldest first.
    """
    wanted = frozenset(places)
    found: dict[int, Arrival] = {}
    histories: dict[str, list[str]] = {}
    for place, visit in enumerate(visits):
        seen = histories.setdefault(visit.user, [])
        if place in wanted:
            found[place] = Arrival(visit, tuple(seen))
        seen.extend(visit.touched)
    return found, histories


class _Ids(dict[str, str]):
    """Ids seen so far, each checked once and kept once."""

    def __missing__(self, identifier: str) -> str:
        self[identifier] = checked = check_id(identifier)
        return checked


def _visit(record: dict[str, Any], known: _Ids) -> Visit:
    try:
        return Visit(
            user=known[record["user"]],
            time_ns=_time(record["time"]),
            query=_query(record.get("query")),
            clicked=_ids("clicked", record.get("clicked"), known),
            purchased=_ids("purchased", record.get("purchased"), known),
        )
    except KeyError as error:
        raise InvalidInput(
            f"a visit has user, time, query, clicked and purchased; {error} is missing"
        ) from error
    except TypeError as error:  # a list or an object in place of an id
        raise InvalidInput(f"an id is text: {error}") from error


def _ids(name: str, values: object, known: _Ids) -> tuple[str, ...]:
    if isinstance(values, list):
        return tuple(map(known.__getitem__, values))
    if values is None:
        return ()
    raise InvalidInput(f"{name} is a list of item ids, got {values!r}")


def _time(value: object) -> int:
    if type(value) is not int or not FIRST_NS <= value <= LAST_NS:
        raise InvalidInput(f"time is nanoseconds since 1970, an integer of 64 bits, got {value!r}")
    return value


def _query(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"query is text, or null for a visit that browsed, got {value!r}")
    if not value.isascii():
        value.encode()  # a lone surrogate is a ValueError
    return value
