"""What the catalogue knows of every item: named attributes, each of one kind.

=========  ==========================  ======================  =============================
kind       a value is                  stored as               filters
=========  ==========================  ======================  =============================
number     int or float, finite,       float64                 eq in gte gt lte lt
           integers within ±2^53
flag       bool                        bool                    eq in
category   str, few distinct values    int32 code              eq in
text       str                         UTF-8 bytes             none: it is shown, not compared
=========  ==========================  ======================  =============================

Numbers are float64 because a price of 49.99 must still equal 49.99 when a filter asks for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from edgerec.errors import InvalidInput, LimitExceeded, ValueRangeError

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

Kind = Literal["number", "flag", "category", "text"]
Value = float | bool | str

LARGEST_INTEGER = 2**53  # beyond it float64 skips integers
MAX_TEXT_BYTES = 65_536
TEXT_NAMES = ("title", "name", "description", "text")


@dataclass(frozen=True, slots=True)
class Attribute:
    """Name and kind of one attribute."""

    name: str
    kind: Kind

    def __post_init__(self) -> None:
        name: object = self.name  # whatever a record had as its key
        if not isinstance(name, str) or name in ("", "id"):
            raise InvalidInput(f"an attribute needs a name other than 'id', got {self.name!r}")
        if self.kind not in get_args(Kind):
            raise InvalidInput(
                f"attribute {self.name!r}: kind must be one of {', '.join(get_args(Kind))}, "
                f"got {self.kind!r}"
            )


def infer_kind(name: str, value: object) -> Kind:
    """Read an attribute's kind off one value.

    A bool is a flag, a number a number; a str is text where the name says so (``title``,
    ``name``, ``description``, ``text``), else a category. Give a schema where that is wrong.
    """
    value = plain(value)
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text" if name in TEXT_NAMES else "category"
    raise InvalidInput(
        f"attribute {name!r} wants a number, a bool or a str, got {type(value).__name__}: {value!r}"
    )


def check_value(attribute: Attribute, value: object, where: str) -> Value:
    """Return ``value`` in the form that is stored; ``where`` names the item in messages.

    Raises
    ------
    InvalidInput
        The value is not of the attribute's kind.
    ValueRangeError
        A number is NaN or infinite, or an integer lies beyond ±2^53.
    LimitExceeded
        A str is longer than 65,536 bytes of UTF-8.
    """
    value = plain(value)
    if attribute.kind == "number":
        return check_number(value, f"{where}: {attribute.name}")
    wanted = bool if attribute.kind == "flag" else str
    if not isinstance(value, wanted):
        raise InvalidInput(
            f"{where}: {attribute.name} is a {attribute.kind}, which wants a {wanted.__name__}, "
            f"got {type(value).__name__}: {value!r}"
        )
    if isinstance(value, str):
        encode(value, f"{where}: {attribute.name}")
    return value


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
