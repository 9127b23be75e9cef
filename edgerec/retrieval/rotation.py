"""The random rotation that spreads a vector evenly over the bits of its sketch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import BundleCorruptError, ShapeError, ValueRangeError
from edgerec.features.hashing import mix64
from edgerec.kernels.rotate import rotate

__all__ = ["MAX_BITS", "Rotation"]

MAX_BITS = 4096
WORD = 64
EVEN_ROUNDS = 3
UNEVEN_ROUNDS = 6  # transform the first and the last values by turns
GOLDEN = 0x9E3779B97F4A7C15
KEYS = {"dim", "bits", "seed"}


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation of vectors of ``dim`` values, padded with zeros to ``bits``.

    The same for a seed on every machine and with every version of NumPy: its signs are hashes of
    their places. Inner products and norms stay, up to rounding.

    Parameters
    ----------
    dim : int
        Length of a vector, 1 to ``bits``.
    bits : int
        Length of a rotated vector: a multiple of 64, at most :data:`MAX_BITS`. Powers of two, and
        three or five times one, spread any vector evenly; just below a power of two (448, 960) a
        vector that lives in few dimensions stays up to half again as strong in one part.
    seed : int
        In [0, 2^64).

    Raises
    ------
    ValueRangeError
        One of them lies outside its range.
    """

    dim: int
    bits: int
    seed: int = 0
    signs: NDArray[np.int8] = field(init=False, repr=False, compare=False)
    """(rounds, bits) of +1 and -1, read-only."""

    def __post_init__(self) -> None:
        for name in sorted(KEYS):
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueRangeError(f"{name} must be an integer, got {value!r}")
        if self.bits % WORD or not WORD <= self.bits <= MAX_BITS:
            raise ValueRangeError(
                f"bits must be a multiple of {WORD} from {WORD} to {MAX_BITS}, got {self.bits}"
            )
        if not 1 <= self.dim <= self.bits:
            raise ValueRangeError(f"dim must be 1 to bits ({self.bits}), got {self.dim}")
        if not 0 <= self.seed < 2**64:
            raise ValueRangeError(f"seed must be in [0, 2^64), got {self.seed}")
        object.__setattr__(self, "signs", _signs(self.seed, self.bits))

    def apply(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotate vectors.

        Parameters
        ----------
        x : (n, dim) float32, C-contiguous

        Returns
        -------
        (n, bits) float32
            The same bits on every CPU.

        Raises
        ------
        ShapeError
            ``x`` is no such array.
        """
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ShapeError(f"x must have shape (n, {self.dim}), got {x.shape}")
        return rotate(x, self.signs)

    def to_dict(self) -> dict[str, int]:
        """JSON-ready form."""
        return {"dim": self.dim, "bits": self.bits, "seed": self.seed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rotation:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        BundleCorruptError
            A key is missing or unknown, or a value outside its range.
        """
        given: object = data
        if not isinstance(given, Mapping) or set(given) != KEYS:
            raise BundleCorruptError(
                f"rotation: keys must be {', '.join(sorted(KEYS))}, got {given!r}"
            )
        try:
            return cls(**data)
        except ValueRangeError as error:
            raise BundleCorruptError(f"rotation: {error}") from error


def _signs(seed: int, bits: int) -> NDArray[np.int8]:
    """Draw a sign for each place: the top bit of a hash of the seed and the place."""
    rounds = EVEN_ROUNDS if bits & (bits - 1) == 0 else UNEVEN_ROUNDS
    places = np.arange(1, rounds * bits + 1, dtype=np.uint64) * np.uint64(GOLDEN)
    hashes = mix64(mix64(np.full(1, seed, np.uint64) + np.uint64(GOLDEN)) + places)
    signs = np.where(hashes >> np.uint64(63), 1, -1).astype(np.int8).reshape(rounds, bits)
    signs.flags.writeable = False
    return signs
