"""What the catalogue knows of every item: named attributes, each of one kind.

=========  ============================  =====================  ==============================
kind       a value is                    stored as              filters
=========  ============================  =====================  ==============================
number     int or float, finite,         float64                eq in gte gt lte lt
           integers within ±2^53
boolean    bool                          bool                   eq in
keyword    str, few distinct values      int32 code             eq in
set        distinct str, few different   int32 code             eq: has the word;
           sets; comes back as a tuple                          in: has one of the words
timestamp  int nanoseconds since 1970,   int64 nanoseconds,     eq in gte gt lte lt
           a datetime with time zone,    UTC
           or ISO 8601
text       str                           UTF-8 bytes            none: it is shown, not compared
=========  ============================  =====================  ==============================

Numbers are float64 because a price of 49.99 must still equal 49.99 when a filter asks for it.
``category`` and ``flag`` are older names of ``keyword`` and ``boolean``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import numpy as np

from edgerec.errors import InvalidInput, LimitExceeded, ValueRangeError
from edgerec.values.times import nanoseconds

__all__ = [
    "LARGEST_INTEGER",
    "Attribute",
    "Kind",
    "Value",
    "check_number",
    "check_value",
    "encode",
    "infer_kind",
    "plain",
]

Kind = Literal["number", "boolean", "keyword", "set", "timestamp", "text"]
Value = float | bool | str | tuple[str, ...]

OLDER_NAMES: dict[str, Kind] = {"category": "keyword", "flag": "boolean"}
LARGEST_INTEGER = 2**53  # beyond it float64 skips integers
MAX_TEXT_BYTES = 65_536
TEXT_NAMES = ("title", "name", "description", "text")
SETS = (set, frozenset, list, tuple)


@dataclass(frozen=True, slots=True)
class Attribute:
    """Name and kind of one attribute."""

    name: str
    kind: Kind

    def __post_init__(self) -> None:
        name: object = self.name  # whatever a record had as its key
        if not isinstance(name, str) or name in ("", "id"):
            raise InvalidInput(f"an attribute needs a name other than 'id', got {self.name!r}")
        given: object = self.kind
        if isinstance(given, str):
            object.__setattr__(self, "kind", OLDER_NAMES.get(given, given))
        if self.kind not in get_args(Kind):
            raise InvalidInput(
                f"attribute {self.name!r}: kind must be one of {', '.join(get_args(Kind))}, "
                f"got {self.kind!r}"
            )


def infer_kind(name: str, value: object) -> Kind:
    """Read an attribute's kind off one value.

    A bool is a boolean, a number a number, a datetime a timestamp, a list or set of str a set; a
    str is text where the name says so (``title``, ``name``, ``description``, ``text``), else a
    keyword. Give a schema where that is wrong.
    """
    value = plain(value)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, datetime):
        return "timestamp"
    if isinstance(value, SETS):
        return "set"
    if isinstance(value, str):
        return "text" if name in TEXT_NAMES else "keyword"
    raise InvalidInput(
        f"attribute {name!r} wants a number, a bool, a str, a datetime or a set of str, "
        f"got {type(value).__name__}: {value!r}"
    )


def check_value(attribute: Attribute, value: object, where: str) -> Value:
    """Return ``value`` in the form that is stored; ``where`` names the item in messages.

    Raises
    ------
    InvalidInput
        The value is not of the attribute's kind.
    ValueRangeError
        A number is NaN or infinite, an integer lies beyond ±2^53, or a time outside int64.
    LimitExceeded
        A str is longer than 65,536 bytes of UTF-8.
    """
    value, where = plain(value), f"{where}: {attribute.name}"
    if attribute.kind == "number":
        return check_number(value, where)
    if attribute.kind == "timestamp":
        return nanoseconds(value, where)
    if attribute.kind == "set":
        return _check_set(value, where)
    wanted = bool if attribute.kind == "boolean" else str
    if not isinstance(value, wanted):
        raise InvalidInput(
            f"{where} is a {attribute.kind}, which wants a {wanted.__name__}, "
            f"got {type(value).__name__}: {value!r}"
        )
    if isinstance(value, str):
        encode(value, where)
    return value


def _check_set(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, SETS):
        raise InvalidInput(f"{where} is a set, which wants a list of str, got {value!r}")
    words: set[str] = set()
    for word in map(plain, value):
        if not isinstance(word, str):
            raise InvalidInput(f"{where} is a set of str, got {type(word).__name__}: {word!r}")
        encode(word, where)
        words.add(word)
    return tuple(sorted(words))


def check_number(value: object, where: str) -> float:
    """Return ``value`` as float64; bool is not a number here."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{where} wants a number, got {type(value).__name__}: {value!r}")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueRangeError(f"{where} wants an integer within ±2^53, got {value}")
    if not math.isfinite(value):
        raise ValueRangeError(f"{where} wants a finite number, got {value}")
    return float(value)


def plain(value: object) -> object:
    """Turn a numpy scalar into the Python value it stands for; leave the rest alone."""
    return value.item() if isinstance(value, np.generic) else value


def encode(text: str, where: str) -> bytes:
    """Return the UTF-8 bytes of ``text``, within the limit."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{where} cannot be written as UTF-8: {error}") from None
    if len(data) > MAX_TEXT_BYTES:
        raise LimitExceeded(f"{where} has {len(data)} bytes; at most {MAX_TEXT_BYTES} are kept")
    return data
