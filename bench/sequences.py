"""Next-item data: users' histories and the leave-one-out protocol.

The data set is read from the folder that ``EDGEREC_DATA`` names; nothing is downloaded.

Protocol: the last item of a user is the test target, the one before it the validation target, the
rest is for training.  At test time the input is everything but the last item, and the items of the
input are removed from the ranking.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import RecipeError, RuntimeUnavailable

__all__ = ["Cases", "DataAbsent", "Sequences", "cases", "data_folder", "load", "training_histories"]

DATA_VARIABLE = "EDGEREC_DATA"
FILES = {
    "amazon_beauty_s3rec": "Beauty.txt.gz",
    "amazon_toys_s3rec": "Toys_and_Games.txt.gz",
}
Split = Literal["validation", "test"]


class DataAbsent(RuntimeUnavailable):
    """The folder of public data is not there; the message says which variable names it."""

    code = "data_absent"


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Every user's items in time order.

    ``histories[u]`` (length,) int64 holds item *rows*, from 0; ``digest`` is the file's SHA-256.
    """

    name: str
    histories: tuple[NDArray[np.int64], ...]
    n_items: int
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """What is asked of a model: ``histories[i]`` was followed by ``targets[i]``."""

    histories: tuple[NDArray[np.int64], ...]
    targets: NDArray[np.int64]


def data_folder() -> Path:
    """Find the folder of public data.

    Raises
    ------
    DataAbsent
        The variable is not set, or names no folder.
    """
    named = os.environ.get(DATA_VARIABLE, "")
    if not named or not Path(named).is_dir():
        raise DataAbsent(
            f"{DATA_VARIABLE} must name the folder of public data sets, "
            f"it is {named or 'not set'}; set it, for example {DATA_VARIABLE}=~/data"
        )
    return Path(named)


def load(name: str = "amazon_beauty_s3rec") -> Sequences:
    """Read one data set.

    Raises
    ------
    DataAbsent
        The folder or the file is not there.
    RecipeError
        A line is not ``user item item ...`` with item ids from 1.
    """
    path = data_folder() / name / FILES[name]
    if not path.is_file():
        raise DataAbsent(f"{path} is not there; {DATA_VARIABLE} must name a folder that holds it")
    raw = path.read_bytes()
    lines = gzip.decompress(raw).decode("ascii").splitlines()
    histories = tuple(_history(line, f"{path}:{number}") for number, line in enumerate(lines, 1))
    n_items = 1 + int(max(history.max() for history in histories))
    return Sequences(name, histories, n_items, hashlib.sha256(raw).hexdigest())


def training_histories(sequences: Sequences) -> tuple[NDArray[np.int64], ...]:
    """Each user's items but the last two."""
    return tuple(history[:-2] for history in sequences.histories)


def cases(sequences: Sequences, split: Split) -> Cases:
    """One question a user: what comes after the items before the target of ``split``."""
    held_out = {"validation": 2, "test": 1}[split]
    histories = tuple(history[:-held_out] for history in sequences.histories)
    targets = np.array([history[-held_out] for history in sequences.histories], dtype=np.int64)
    return Cases(histories, targets)


def _history(line: str, where: str) -> NDArray[np.int64]:
    fields = line.split()
    if len(fields) < 4 or not all(field.isdecimal() for field in fields) or "0" in fields[1:]:
        raise RecipeError(
            f"{where}: wanted 'user item item item ...' with ids from 1, got {line!r}"
        )
    return np.array(fields[1:], dtype=np.int64) - 1
