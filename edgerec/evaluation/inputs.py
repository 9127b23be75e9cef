"""Random inputs that fit a signature: for parity checks, tests and trial runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.values.signature import Input, Signature

__all__ = ["random_inputs"]

SAFE_HIGH = 2
"""Ids 0 (padding) and 1 (unknown) are in every table."""


def random_inputs(
    signature: Signature,
    *,
    rng: np.random.Generator,
    sizes: Mapping[str, int] | None = None,
    high: Mapping[str, int] | None = None,
) -> dict[str, NDArray[Any]]:
    """One request's inputs.

    Parameters
    ----------
    signature : Signature
    rng : numpy.random.Generator
    sizes : mapping of str to int, optional
        Size of each free dimension by name; 2 to 5 by chance for those not given.
    high : mapping of str to int, optional
        By input: ids are drawn below this; below 2 for those not given.

    Returns
    -------
    dict of str to array
        ``float32`` inputs standard normal, ``int64`` inputs uniform in ``[0, high)``.
    """
    bound = dict(sizes or {})
    for tensor in signature.inputs:
        for size in tensor.shape:
            if isinstance(size, str) and size not in bound:
                bound[size] = int(rng.integers(2, 6))
    return {
        tensor.name: _draw(tensor, rng, bound, (high or {}).get(tensor.name, SAFE_HIGH))
        for tensor in signature.inputs
    }


def _draw(
    tensor: Input, rng: np.random.Generator, sizes: Mapping[str, int], high: int
) -> NDArray[Any]:
    shape = tuple(sizes[size] if isinstance(size, str) else size for size in tensor.shape)
    if tensor.dtype == "int64":
        return rng.integers(0, high, size=shape, dtype=np.int64)
    return rng.standard_normal(shape).astype(np.float32)
