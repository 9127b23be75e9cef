from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AND",
    "AND_NOT",
    "COPY",
    "COPY_NOT",
    "OR",
    "OR_NOT",
    "POPPED",
    "combine",
    "count",
    "count_ranges",
    "put",
    "rows_of",
]

COPY: int
COPY_NOT: int
AND: int
AND_NOT: int
OR: int
OR_NOT: int
POPPED: int

def combine(
    inputs: Sequence[NDArray[np.uint8]],
    steps: Sequence[tuple[int, int]],
    rows: int,
    *,
    isa: str | None = None,
) -> tuple[NDArray[np.uint8], int]: ...
def count(bitmap: NDArray[np.uint8], rows: int, *, isa: str | None = None) -> int: ...
def count_ranges(
    bitmap: NDArray[np.uint8],
    rows: int,
    ranges: NDArray[np.int64],
    *,
    isa: str | None = None,
) -> NDArray[np.int64]: ...
def put(
    bitmap: NDArray[np.uint8],
    rows: int,
    places: NDArray[np.int32],
    bits: NDArray[np.bool_] | None = None,
) -> None: ...
def rows_of(
    bitmap: NDArray[np.uint8], rows: int, *, isa: str | None = None
) -> NDArray[np.int32]: ...
