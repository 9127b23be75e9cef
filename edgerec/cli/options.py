"""Options that several commands share, spelled the same everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from edgerec.errors import InvalidInput

__all__ = [
    "asking",
    "force",
    "output_format",
    "parse_bytes",
    "parse_conditions",
    "seed",
    "store",
    "threads",
]

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?")
POWERS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4}

output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the data on stdout.",
)
seed = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of every draw.",
)
threads = click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Thread budget."
)
store = click.option(
    "--store",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory of the versions that were published; made by the first.",
)
force = click.option("--force", is_flag=True, help="Replace an output that exists.")
k = click.option("-k", "k", type=int, default=10, show_default=True, help="How many items.")
where = click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Filter; may be repeated: in_stock=true, brand=Acme,Bolt, price=10..50, price=..50, "
    "or a JSON tree.",
)


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that asks a bundle, which gets them as ``asked``.

    That is what the methods of an engine call them: who asks, for how many, which, by when.
    """

    @wraps(command)
    def run(
        user: str | None,
        history: str | None,
        k: int,
        conditions: tuple[str, ...],
        deadline_ms: float | None,
        **others: Any,
    ) -> None:
        asked = {
            "user": user,
            "history": history.split(",") if history else None,
            "k": k,
            "where": parse_conditions(conditions),
            "deadline_ms": deadline_ms,
        }
        command(asked=asked, **others)

    for option in (
        output_format,
        threads,
        click.option("--deadline-ms", type=float, help="When the answer is due."),
        where,
        k,
        click.option("--history", help="Item ids, oldest first, separated by commas."),
        click.option("--user", help="A user the bundle knows; anybody else is answered too."),
    ):
        run = option(run)
    return run


def parse_conditions(conditions: tuple[str, ...]) -> dict[str, Any] | None:
    """The canonical filter that all ``--where`` options together mean, or None.

    Raises
    ------
    InvalidInput
        A condition is neither ``field=value`` nor a JSON object.
    """
    parsed = [condition for text in conditions if (condition := _condition(text))]
    if not parsed:
        return None
    return parsed[0] if len(parsed) == 1 else {"and": parsed}


def parse_bytes(text: str) -> int:
    """Read a number of bytes such as ``2GB`` (10⁹), ``512MiB`` (2²⁰) or ``1500000``.

    Raises
    ------
    InvalidInput
        It is none, or less than one byte.
    """
    found = BYTES.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"wanted a number of bytes such as 2GB or 512MiB, got {text!r}")
    number, prefix, binary = found.groups()
    size = int(float(number) * (1024 if binary else 1000) ** POWERS[prefix])
    if size < 1:
        raise InvalidInput(f"wanted at least one byte, got {text!r}")
    return size


def _condition(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            tree: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInput(f"--where {text!r} is not JSON: {error}") from error
        return tree
    field, equals, value = text.partition("=")
    if not field or not equals or not value:
        raise InvalidInput(f"--where wants field=value, field=a,b or field=low..high, got {text!r}")
    if ".." in value:
        low, _, high = value.partition("..")
        return {field: (_number(low, text), _number(high, text))}
    values = [_literal(part) for part in value.split(",")]
    return {field: values if len(values) > 1 else values[0]}


def _number(text: str, condition: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"--where {condition!r}: {text!r} is not a number") from None


def _literal(text: str) -> str | float | bool:
    """Read ``true``, numbers as they are usually written, and anything else as text.

    A word that only looks like a number, such as ``007``, is text; quote one that is a number in
    full: ``'{"field": "brand", "eq": "7"}'``.
    """
    if text in ("true", "false"):
        return text == "true"
    return float(text) if NUMBER.fullmatch(text) else text
