"""JSON that every reader reads as the same value, and that has one form on disk."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from edgerec.bundle.layout import MAX_DEPTH
from edgerec.errors import InvalidInput, LimitExceeded

__all__ = ["canonical_json", "check_json", "parse_json"]


def canonical_json(value: Any) -> bytes:
    """UTF-8, keys in order, no white space, numbers as Python writes them."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def parse_json(data: bytes) -> Any:
    """Read a JSON document.

    Raises
    ------
    InvalidInput
        Not UTF-8, not JSON, a key twice in one object, NaN or infinity, an integer beyond
        64 bits, a lone surrogate; LimitExceeded if nested deeper than 32.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}") from error
    except RecursionError as error:
        raise LimitExceeded(f"JSON may be nested {MAX_DEPTH} deep") from error
    check_json(value)
    return value


def check_json(value: object, path: str = "$", *, depth: int = 0) -> None:
    """Raise InvalidInput, with the place in ``value``, for what :func:`parse_json` refuses."""
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"{path}: JSON may be nested {MAX_DEPTH} deep")
    match value:
        case list() | tuple():
            for place, child in enumerate(value):
                check_json(child, f"{path}[{place}]", depth=depth + 1)
        case dict():
            for key, child in value.items():
                if not isinstance(key, str):
                    raise InvalidInput(f"{path}: a key must be text, got {key!r}")
                _check_scalar(key, path)
                check_json(child, f"{path}.{key}", depth=depth + 1)
        case _:
            _check_scalar(value, path)


def _check_scalar(value: object, path: str) -> None:
    match value:
        case None | bool():
            pass
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise InvalidInput(f"{path}: not Unicode text: {error}") from error
        case int():
            if not -(2**63) <= value < 2**63:
                raise InvalidInput(f"{path}: an integer must fit in 64 bits")
        case float():
            if not math.isfinite(value):
                raise InvalidInput(f"{path}: a number must be finite, got {value}")
        case _:
            raise InvalidInput(f"{path}: {type(value).__name__} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key stands twice among {', '.join(key for key, _ in pairs)}")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
