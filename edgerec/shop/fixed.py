"""Logarithms in integers, because a float's last digit may differ between machines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["NAT", "gumbel_table", "ln"]

NAT = 1024
"""Units of a natural logarithm: utilities are integers, :data:`NAT` of them a factor of e."""

FRACTION = 24
LN2 = 2977044472  # ln 2 · 2^32, rounded
Ints = NDArray[np.int64]


def ln(values: ArrayLike) -> Ints:
    """Take the natural logarithm of integers in [1, 2^31], in units of 2^-24; at most 2 units off.

    Bit by bit: squaring doubles a logarithm, and each time the square passes 2 the next bit of the
    binary logarithm is 1.
    """
    mantissa = np.asarray(values).astype(np.uint64)
    whole = np.zeros(mantissa.shape, np.uint64)
    for shift in (16, 8, 4, 2, 1):
        large = mantissa >> np.uint64(shift) > 0
        whole += np.where(large, np.uint64(shift), np.uint64(0))
        mantissa = np.where(large, mantissa >> np.uint64(shift), mantissa)
    mantissa = (np.asarray(values).astype(np.uint64) << np.uint64(31)) >> whole
    bits = whole
    for _ in range(FRACTION + 4):
        mantissa = (mantissa * mantissa) >> np.uint64(31)
        carry = mantissa >> np.uint64(32)
        mantissa >>= carry
        bits = (bits << np.uint64(1)) | carry
    return ((bits * np.uint64(LN2 >> 4)) >> np.uint64(32)).astype(np.int64)


def gumbel_table() -> NDArray[np.int32]:
    """Noise whose maximum chooses as a softmax would: -ln(-ln u) for u = (i + 1/2) / 2^16.

    Returns
    -------
    (65536,) int32, in units of 1/NAT
        Entry ``i`` for 16 random bits ``i``. The item with the largest utility plus noise is item
        ``j`` with probability exp(utility_j) / Σ exp(utility).
        Source: Gumbel, "Statistical Theory of Extreme Values" (1954).
    """
    halves = np.arange(1, 2**17, 2)
    inner = ln(2**17) - ln(halves)  # -ln u > 0, in 2^-24
    outer = ln(inner) - FRACTION * ln(2)
    return (-(outer >> (FRACTION - 10))).astype(np.int32)
