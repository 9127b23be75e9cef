"""Tables of a TOML file, read by type: what is missing, unknown or of another type is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from edgerec.errors import InvalidInput, RecipeError

__all__ = ["Table"]

Value = TypeVar("Value")
Default = TypeVar("Default")
Choice = TypeVar("Choice", bound=str)
WORDS = {int: "an integer", float: "a number", str: "text", bool: "true or false"}


class Table:
    """One table; ``where`` names it in messages, such as ``[data]``.

    Every method raises RecipeError where the table does not hold what is wanted.
    """

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise RecipeError(f"{where} is a table, got {values!r}")
        self._values = values
        self._where = where

    def __str__(self) -> str:
        return self._where

    def only(self, known: Iterable[str]) -> Table:
        """The table itself, which holds no other keys than these."""
        known = sorted(known)
        unknown = sorted(set(self._values) - set(known))
        if unknown:
            raise RecipeError(
                f"{self._where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}"
            )
        return self

    def table(self, key: str, *, required: bool = False) -> Table:
        """A table inside; an empty one where it is absent and not required."""
        if required and key not in self._values:
            raise RecipeError(f"{self._where}: the table [{key}] is missing")
        outer = self._where.strip("[]")
        name = f"[{outer}.{key}]" if self._where.startswith("[") else f"[{key}]"
        return Table(self._values.get(key, {}), name)

    def split(self, key: str) -> tuple[Table, Table]:
        """A table inside, empty where it is absent, and this one without it."""
        rest = {name: value for name, value in self._values.items() if name != key}
        return self.table(key), Table(rest, self._where)

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._typed(key, str, None)
        if not value or "\0" in value:
            raise RecipeError(f"{self._where}: {key} is text, got {value!r}")
        return value

    def integer(self, key: str, default: int, *, least: int) -> int:
        """An integer of at least ``least``."""
        value = self._typed(key, int, default)
        if value < least:
            raise RecipeError(f"{self._where}: {key} must be at least {least}, got {value}")
        return value

    def share(self, key: str, default: float, *, whole: bool = False) -> float:
        """A number above 0 and below 1, or 1 itself where ``whole`` allows it."""
        value = self._typed(key, float, default)
        if not (0 < value < 1 or (whole and value == 1)):
            raise RecipeError(f"{self._where}: {key} is a share between 0 and 1, got {value}")
        return float(value)

    def choice(self, key: str, choices: Sequence[Choice], default: Choice) -> Choice:
        """One of several words."""
        value = self._typed(key, str, default)
        for choice in choices:
            if value == choice:
                return choice
        raise RecipeError(f"{self._where}: {key} is one of {', '.join(choices)}, got {value!r}")

    def listed(self, key: str, kind: type[Value], default: Default) -> tuple[Value, ...] | Default:
        """A list of values of one type."""
        if key not in self._values:
            return default
        self._check(key, tuple[kind, ...])  # type: ignore[valid-type]
        return tuple(self._values[key])

    def made(self, kind: type[Value], **given: Any) -> Value:
        """The dataclass that the table describes; ``given`` are fields that it does not hold."""
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        self.only(set(names) - set(given))
        for field in fields(kind):  # type: ignore[arg-type]
            needed = field.default is MISSING and field.default_factory is MISSING
            if field.name in self._values:
                self._check(field.name, hints[field.name])
            elif needed and field.name not in given:
                raise RecipeError(f"{self._where}: the key {field.name!r} is missing")
        try:
            return kind(**self._values, **given)
        except InvalidInput as error:
            raise RecipeError(f"{self._where}: {error}") from error

    def _typed(self, key: str, kind: type[Value], default: Value | None) -> Value:
        if key not in self._values:
            if default is None:
                raise RecipeError(f"{self._where}: the key {key!r} is missing")
            return default
        self._check(key, kind)
        value: Value = self._values[key]
        return value

    def _check(self, key: str, hint: Any) -> None:
        value = self._values[key]
        if not _fits(value, hint):
            raise RecipeError(f"{self._where}: {key} wants {_words(hint)}, got {value!r}")


def _fits(value: object, hint: Any) -> bool:
    """Whether a value of TOML can stand for a Python type."""
    if get_origin(hint) is UnionType:
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_fits(v, get_args(hint)[0]) for v in value)
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _words(hint: Any) -> str:
    if get_origin(hint) is UnionType:
        return _words(get_args(hint)[0])
    if get_origin(hint) is tuple:
        return f"a list of which each is {_words(get_args(hint)[0])}"
    return WORDS.get(hint, "another type")
