"""A row's answer does not depend on its batch: alone, in any company, with any padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerec.backends.session import Session
from edgerec.values.signature import Arrays, Kind

__all__ = ["check_batch_invariance"]


def check_batch_invariance(
    session: Session, inputs: Arrays, *, rng: np.random.Generator, tolerance: float = 0.0
) -> None:
    """Run the rows of ``inputs`` alone, in random companies, and with padding.

    Parameters
    ----------
    session : Session
        All inputs have ``candidates`` as leading dimension.
    inputs : mapping of inputs
    rng : numpy.random.Generator
    tolerance : float >= 0
        Largest absolute difference; 0 means the same bits.
    """
    rows = len(next(iter(inputs.values())))
    together = session.run(inputs)

    def compare(chosen: Any, given: Arrays, how: str) -> None:
        for name, found in session.run(given).items():
            wanted = together[name][chosen]
            worst = float(np.abs(found - wanted).max())
            assert worst <= tolerance, f"{name} moved by {worst:.3g} {how}"

    for row in range(rows):
        compare([row], _rows(inputs, [row]), f"for row {row} alone")
    for size in (2, 3, rows // 2, rows - 1):
        chosen = rng.permutation(rows)[: max(1, size)]
        compare(chosen, _rows(inputs, chosen), f"in a batch of {size}")
    extreme = {name: _louder(array) for name, array in _rows(inputs, [0]).items()}
    beside = {name: np.concatenate([array, extreme[name]]) for name, array in inputs.items()}
    found = session.run(beside)
    for name, wanted in together.items():
        worst = float(np.abs(found[name][:rows] - wanted).max())
        assert worst <= tolerance, f"{name} moved by {worst:.3g} beside a row of large values"
    for more in (1, 7):
        padded = {i.name: _padded(inputs[i.name], i.kind, more) for i in session.signature.inputs}
        compare(slice(None), padded, f"with {more} more of padding")


def _rows(inputs: Arrays, chosen: Any) -> dict[str, Any]:
    return {name: np.ascontiguousarray(array[chosen]) for name, array in inputs.items()}


def _louder(array: Any) -> Any:
    return array * np.float32(1e3) if array.dtype == np.float32 else array


def _padded(array: Any, kind: Kind, more: int) -> Any:
    if kind is not Kind.BAG:
        return array
    return np.pad(array, ((0, 0), (0, more)))
