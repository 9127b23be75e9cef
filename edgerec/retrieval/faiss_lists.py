"""An inverted file as plain arrays: rows in lists around centroids, one byte a dimension.

FAISS trains it and searches it, but never reads it: its own file format is parsed by code that
takes corrupt files for good ones, while arrays are checked by their hash and their shape alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import BundleCorruptError

__all__ = ["Lists"]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Rows 0 to n of a catalogue, each in the list of its nearest centroid.

    Parameters
    ----------
    centroids : (lists, dim) float32
    offsets : (lists + 1,) int64
        List i holds the entries ``offsets[i]`` to ``offsets[i + 1]``.
    rows : (n,) int32
        Row of each entry.
    codes : (n, dim) uint8
        Residual of each entry to its centroid, quantised within ``ranges``.
    ranges : (2, dim) float32
        Least value and width of the residuals, by dimension.

    Raises
    ------
    BundleCorruptError
        The arrays do not fit together.
    """

    centroids: NDArray[np.float32]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    codes: NDArray[np.uint8]
    ranges: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = self.centroids.shape
        count, dim = shape if len(shape) == 2 else (0, 0)
        size = self.rows.size
        _expect(self.centroids, np.float32, (max(count, 1), max(dim, 1)), "centroids")
        _expect(self.offsets, np.int64, (count + 1,), "offsets")
        _expect(self.rows, np.int32, (size,), "rows")
        _expect(self.codes, np.uint8, (size, dim), "codes")
        _expect(self.ranges, np.float32, (2, dim), "ranges")
        ascending = self.offsets[0] == 0 and (self.offsets[1:] >= self.offsets[:-1]).all()
        if not ascending or self.offsets[-1] != size:
            raise BundleCorruptError(f"list offsets must ascend from 0 to {size}")
        seen = np.bincount(self.rows, minlength=size) if size and self.rows.min() >= 0 else ()
        if not size or len(seen) != size or not np.all(seen == 1):
            raise BundleCorruptError(f"the lists must hold each row from 0 to {size} once")
        if not np.isfinite(self.centroids).all() or not np.isfinite(self.ranges).all():
            raise BundleCorruptError("centroids and ranges must be finite")

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.centroids.shape[1])

    def __len__(self) -> int:
        return len(self.centroids)


def _expect(array: NDArray[Any], dtype: type[Any], shape: tuple[int, ...], name: str) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise BundleCorruptError(
            f"lists: {name} must be {np.dtype(dtype)} of shape {shape}, "
            f"got {array.dtype} of shape {array.shape}"
        )
