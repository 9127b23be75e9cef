"""The project's own 64-bit hash: the same numbers on every machine and with every library.

Built on the finaliser of SplitMix64. Not for security: whoever picks the texts can make them
collide.

Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hashes", "buckets", "mix64"]

Hashes = NDArray[np.uint64]

FIRST_MIX = np.uint64(0xBF58476D1CE4E5B9)
SECOND_MIX = np.uint64(0x94D049BB133111EB)
FIRST_SHIFT, SECOND_SHIFT, THIRD_SHIFT = np.uint64(30), np.uint64(27), np.uint64(31)


def mix64(values: Hashes) -> Hashes:
    """Spread every bit of ``values`` (any shape, uint64) over all 64; a bijection, 0 stays 0."""
    mixed = (values ^ (values >> FIRST_SHIFT)) * FIRST_MIX
    mixed = (mixed ^ (mixed >> SECOND_SHIFT)) * SECOND_MIX
    return mixed ^ (mixed >> THIRD_SHIFT)


def buckets(hashes: Hashes, count: int) -> NDArray[np.int64]:
    """Map ``hashes`` to buckets, int64 in [2, count): 0 is left for padding, 1 for the unknown."""
    high = hashes >> np.uint64(32)
    return (2 + ((high * np.uint64(count - 2)) >> np.uint64(32))).astype(np.int64)
