"""Checking a session's inputs without costing more than a small model does.

`Signature.check` is the law and words every refusal. It takes longer than a small graph, so good
inputs, which is nearly all of them, are recognised by a quicker test; whatever that does not
recognise goes to the law.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from edgerec.errors import ValueRangeError
from edgerec.values.signature import Array, Arrays, Input, Signature

__all__ = ["MAX_ID", "InputReader"]

MAX_ID = 2**31 - 1
"""Largest id: OpenVINO computes ids in int32, where a larger one would silently be another id."""

SMALL = 4096
"""Elements up to which one inner product is quicker than a test of each element; above, it is no
quicker, and BLAS might use threads."""


class Wanted(NamedTuple):
    """An input, taken apart for a quick comparison."""

    name: str
    dtype: np.dtype[Any]
    rank: int
    fixed: tuple[tuple[int, int], ...]
    """Axis and size."""
    free: tuple[tuple[int, str], ...]
    """Axis and name."""


class InputReader:
    """Turns a mapping of inputs into arrays that any engine takes.

    Parameters
    ----------
    signature : Signature
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._tensors = tuple(_wanted(tensor) for tensor in signature.inputs)

    def read(self, inputs: Arrays) -> list[Array]:
        """Check the inputs and return them in the signature's order, C-contiguous.

        No copy is made of an array that is contiguous already.

        Raises
        ------
        SignatureError, ShapeError, ValueRangeError
            As :meth:`Signature.check`, and an id above 2**31 - 1.
        """
        arrays = self._recognise(inputs)
        if arrays is None:
            self._signature.check(inputs)
            arrays = [np.asarray(inputs[t.name], t.dtype, order="C") for t in self._tensors]
            self._check_ids(arrays)
        return arrays

    def _recognise(self, inputs: Arrays) -> list[Array] | None:
        """Return good inputs in order; None where the law must look."""
        if len(inputs) != len(self._tensors):
            return None
        sizes: dict[str, int] = {}
        arrays: list[Array] = []
        for name, dtype, rank, fixed, free in self._tensors:
            array = inputs.get(name)
            if type(array) is not np.ndarray or array.dtype is not dtype:
                return None
            shape = array.shape
            if len(shape) != rank or not array.flags.c_contiguous:
                return None
            for axis, size in fixed:
                if shape[axis] != size:
                    return None
            for axis, symbol in free:
                if sizes.setdefault(symbol, shape[axis]) != shape[axis]:
                    return None
            if not _plausible(array):
                return None
            arrays.append(array)
        return arrays

    def _check_ids(self, arrays: list[Array]) -> None:
        for tensor, array in zip(self._tensors, arrays, strict=True):
            if tensor.dtype.kind == "i" and array.max() > MAX_ID:
                raise ValueRangeError(
                    f"input {tensor.name!r} holds the id {array.max()}; the largest is {MAX_ID}"
                )


def _wanted(tensor: Input) -> Wanted:
    sizes = list(enumerate(tensor.shape))
    return Wanted(
        tensor.name,
        np.dtype(tensor.dtype),
        len(tensor.shape),
        tuple((axis, size) for axis, size in sizes if isinstance(size, int)),
        tuple((axis, size) for axis, size in sizes if isinstance(size, str)),
    )


def _plausible(array: Array) -> bool:
    """Whether the values are certainly good: finite floats, ids from 0 to `MAX_ID`."""
    if array.dtype.kind == "i":
        # Read as unsigned, a negative id is a huge one: one pass finds both.
        return array.size > 0 and bool(array.view(np.uint64).max() <= MAX_ID)
    if array.size > SMALL:
        return bool(np.isfinite(array).all())
    # Overflow makes it infinite for finite values as well: then the law looks, and lets it pass.
    return array.size > 0 and math.isfinite(np.vdot(array, array))
