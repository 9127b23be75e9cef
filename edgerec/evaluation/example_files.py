"""Examples as one ``.npz`` file: what the command's ``--examples`` and ``--calibration`` read.

Arrays ``offsets`` (requests + 1,) int64, ``labels`` (rows,) float32, one ``input.<name>`` for each
input of the model, and ``lengths.<name>`` (requests,) int64 where a request's sequence is padded.
Nothing in it is pickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import InvalidInput, ShapeError
from edgerec.values.examples import REQUEST_ROLES, Examples
from edgerec.values.signature import Array, Arrays, Signature

__all__ = ["examples_of", "load_examples", "save_examples"]


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
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load_examples(path: Path, signature: Signature) -> Examples:
    """Read what :func:`save_examples` wrote, for a model of ``signature``.

    Raises
    ------
    InvalidInput
        The file is missing, is no such file, or lacks an input of the model.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"cannot read examples from {path}: {error}") from error
    wanted = ["offsets", "labels", *(f"input.{tensor.name}" for tensor in signature.inputs)]
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise InvalidInput(
            f"{path} lacks the arrays {', '.join(missing)}; it has {', '.join(sorted(arrays))}"
        )
    return Examples(
        inputs={tensor.name: arrays[f"input.{tensor.name}"] for tensor in signature.inputs},
        roles=Examples.roles_of(signature),
        offsets=arrays["offsets"],
        labels=arrays["labels"],
        lengths={
            tensor.name: arrays[f"lengths.{tensor.name}"]
            for tensor in signature.inputs
            if f"lengths.{tensor.name}" in arrays
        },
    )


def _padded(arrays: Sequence[Array]) -> list[Array]:
    """Arrays with their second dimension filled up with zeros to that of the longest."""
    if arrays[0].ndim < 2:
        return list(arrays)
    longest = max(array.shape[1] for array in arrays)
    return [
        np.pad(array, [(0, 0), (0, longest - array.shape[1])] + [(0, 0)] * (array.ndim - 2))
        for array in arrays
    ]
