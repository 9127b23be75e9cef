"""Examples as one ``.npz`` file: what the command's ``--examples`` and ``--calibration`` read.

Arrays ``offsets`` (requests + 1,) int64, ``labels`` (rows,) float32, one ``input.<name>`` for each
input of the model, ``lengths.<name>`` (requests,) int64 where a request's sequence is padded, and
``weights`` (requests,) and ``propensities`` (rows,) float32 where they are known. What they hold is
said in :class:`edgerec.values.examples.Examples`. Nothing is pickled.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from tokenize import TokenError
from types import TracebackType
from typing import Self

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from edgerec.errors import InvalidInput, OutputExists, ShapeError
from edgerec.values.examples import REQUEST_ROLES, Examples
from edgerec.values.signature import Array, Arrays, Signature

__all__ = ["DAMAGE", "ExampleFiles", "examples_of", "load_examples", "save_examples"]

DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    TypeError,
    SyntaxError,
    RuntimeError,
    OverflowError,
    MemoryError,
    TokenError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What NumPy and zipfile raise at files that are not what they seem; found by flipping bytes."""


def examples_of(
    requests: Sequence[Arrays],
    signature: Signature,
    labels: Sequence[NDArray[np.float32]] | None = None,
) -> Examples:
    """Put single requests together; sequences of different lengths are padded with 0.

    Parameters
    ----------
    requests : sequence of mapping
        One request's inputs each.
    labels : sequence of (rows,) float32, optional
        Gains of each request's rows; all 0 where absent.
    """
    if not requests:
        raise ShapeError("examples need at least one request")
    inputs: dict[str, Array] = {}
    lengths: dict[str, NDArray[np.int64]] = {}
    rows = [1] * len(requests)
    for tensor in signature.inputs:
        arrays = [request[tensor.name] for request in requests]
        if tensor.role in REQUEST_ROLES:
            if any(a.ndim > 1 and a.shape[1:2] != arrays[0].shape[1:2] for a in arrays):
                lengths[tensor.name] = np.array([a.shape[1] for a in arrays], np.int64)
        else:
            rows = [len(a) for a in arrays]
        inputs[tensor.name] = np.concatenate(_padded(arrays))
    given = labels or [np.zeros(count, np.float32) for count in rows]
    return Examples(
        inputs=inputs,
        roles=Examples.roles_of(signature),
        offsets=np.concatenate([[0], np.cumsum(rows)]).astype(np.int64),
        labels=np.concatenate(given).astype(np.float32),
        lengths=lengths,
    )


def save_examples(path: Path, examples: Examples) -> None:
    """Write ``examples`` to ``path``."""
    arrays: dict[str, Array] = {"offsets": examples.offsets, "labels": examples.labels}
    arrays |= {f"input.{name}": array for name, array in examples.inputs.items()}
    arrays |= {f"lengths.{name}": array for name, array in examples.lengths.items()}
    if examples.weights is not None:
        arrays["weights"] = examples.weights
    if examples.propensities is not None:
        arrays["propensities"] = examples.propensities
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


class ExampleFiles:
    """Files of examples in one directory, in a ``with`` block at whose end they appear.

    If the block raises, nothing is left behind and what was there is untouched.

    Parameters
    ----------
    directory : path
        Made where it is missing.
    names : sequence of str
        Of the files, without ``.npz``; each is to be saved once.
    force : bool
        Replace those that are there.

    Raises
    ------
    OutputExists
        When the block begins: one of them is there, and ``force`` is not given.
    """

    def __init__(self, directory: Path, names: Sequence[str], *, force: bool = False) -> None:
        self._files = {name: directory / f"{name}.npz" for name in names}
        self._directory = directory
        self._force = force

    def __enter__(self) -> Self:
        for path in () if self._force else self._files.values():
            if path.exists():
                raise OutputExists(f"{path} exists: choose another directory, or use force")
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        self._aside = TemporaryDirectory(
            prefix=f".{self._directory.name}-", dir=self._directory.parent
        )
        return self

    def save(self, name: str, examples: Examples) -> None:
        """Write a file that appears when the block ends."""
        save_examples(Path(self._aside.name) / self._files[name].name, examples)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._aside as aside:
            if kind is None:
                self._directory.mkdir(exist_ok=True)
                for path in self._files.values():
                    (Path(aside) / path.name).replace(path)


def load_examples(path: Path, signature: Signature) -> Examples:
    """Read what :func:`save_examples` wrote, for a model of ``signature``.

    Raises
    ------
    InvalidInput
        The file is missing or damaged, is no such file, or does not fit the model.
    """
    arrays = _arrays(path)
    inputs = [tensor.name for tensor in signature.inputs]
    wanted = ["offsets", "labels", *(f"input.{name}" for name in inputs)]
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise InvalidInput(
            f"{path} lacks the arrays {', '.join(missing)}; it has {', '.join(sorted(arrays))}"
        )
    lengths = {name: arrays[f"lengths.{name}"] for name in inputs if f"lengths.{name}" in arrays}
    try:
        examples = Examples(
            inputs={name: arrays[f"input.{name}"] for name in inputs},
            roles=Examples.roles_of(signature),
            offsets=arrays["offsets"],
            labels=arrays["labels"],
            weights=arrays.get("weights"),
            propensities=arrays.get("propensities"),
            lengths=lengths,
        )
        signature.check(examples.request(0))
    except InvalidInput as error:
        raise type(error)(f"{path}: {error}") from error
    return examples


def _arrays(path: Path) -> dict[str, Array]:
    """Every array of an archive; what else is in it cannot be used."""
    try:
        with path.open("rb") as file:
            found: object = np.load(file, allow_pickle=False)
            if not isinstance(found, NpzFile):
                raise InvalidInput(f"{path} holds one array; examples are an archive (.npz)")
            arrays: dict[str, object] = {name: found[name] for name in found.files}
    except DAMAGE as error:
        raise InvalidInput(f"cannot read examples from {path}: {error}") from error
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise InvalidInput(f"{path}: {', '.join(foreign)}: not in NumPy's format")
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _padded(arrays: Sequence[Array]) -> list[Array]:
    """Arrays with their second dimension filled up with zeros to that of the longest."""
    if arrays[0].ndim < 2:
        return list(arrays)
    longest = max(array.shape[1] for array in arrays)
    return [
        np.pad(array, [(0, 0), (0, longest - array.shape[1])] + [(0, 0)] * (array.ndim - 2))
        for array in arrays
    ]
