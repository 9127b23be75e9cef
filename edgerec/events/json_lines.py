"""Files of one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edgerec.errors import InvalidInput, RecipeError

__all__ = ["read_json_lines"]

Value = TypeVar("Value")


def read_json_lines(path: Path, read: Callable[[dict[str, Any]], Value]) -> list[Value]:
    """What ``read`` makes of each line's object, in order.

    Raises
    ------
    RecipeError
        The file cannot be read, or a line is no object or not what ``read`` wants; the message
        names it.
    """
    values: list[Value] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise InvalidInput(f"wanted a JSON object, got {type(record).__name__}")
                values.append(read(record))
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8: {error}") from error
    except (InvalidInput, ValueError, RecursionError) as error:
        raise RecipeError(f"{path}:{len(values) + 1}: {error}") from error
    return values
