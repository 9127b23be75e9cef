"""Arrays, ids and attributes that come as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import InvalidInput, ShapeError
from edgerec.evaluation.example_files import DAMAGE
from edgerec.events.json_lines import read_json_lines

__all__ = ["read_attributes", "read_ids", "read_queries", "read_vectors"]

MAGIC = b"\x93NUMPY"


def read_vectors(path: Path, what: str = "vectors") -> NDArray[Any]:
    """Map the array of a ``.npy`` file, (n, dim) float32 or float16.

    Raises
    ------
    InvalidInput
        The file cannot be read, or is not such an array; objects are never unpickled.
    ShapeError
        Another dtype or shape.
    """
    array = _mapped(path)
    if array.ndim != 2 or not array.size:
        raise ShapeError(f"{path}: {what} must have shape (n, dim), a row each, got {array.shape}")
    if array.dtype not in (np.float32, np.float16):
        raise ShapeError(
            f"{path}: {what} must be float32 or float16, got {array.dtype}: convert them once, "
            f'np.save("{path.stem}-float32.npy", np.load("{path.name}").astype(np.float32))'
        )
    return array


def read_queries(path: Path) -> NDArray[np.float32]:
    """Map queries, (n, dim) float32; a copy of those that are float16."""
    return np.asarray(read_vectors(path, "queries"), np.float32)


def read_ids(path: Path) -> list[str]:
    """Read ids: one a line of a text file, or an array of str or integers from a ``.npy`` file.

    Raises
    ------
    InvalidInput
        The file cannot be read, or holds something else.
    """
    if path.suffix == ".npy":
        array = _mapped(path)
        if array.ndim != 1 or array.dtype.kind not in "Uiu":
            raise ShapeError(
                f"{path}: ids must be (n,) str or integers, got {array.dtype} {array.shape}"
            )
        return [str(one) for one in array.tolist()]
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8: {error}") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


def read_attributes(path: Path) -> dict[str, list[Any]]:
    """Read attributes: one JSON object a line, in the order of the vectors, as columns.

    Raises
    ------
    InvalidInput
        The file cannot be read, or a line is no object or has other names than the first.
    """
    records = read_json_lines(path, lambda record: record)
    if not records:
        raise InvalidInput(f"{path} is empty: wanted a JSON object a line, a line a vector")
    names = list(records[0])
    for line, record in enumerate(records, 1):
        if record.keys() != records[0].keys():
            raise InvalidInput(
                f"{path}:{line}: every line must have {', '.join(names)}, got {', '.join(record)}"
            )
    return {name: [record[name] for record in records] for name in names}


def _mapped(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:  # numpy would try to read it as something else
                raise InvalidInput(f"{path} is no .npy file: write it with np.save")
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from error
    except DAMAGE as error:
        raise InvalidInput(f"{path} cannot be read as an array: {error}") from error
    return array
