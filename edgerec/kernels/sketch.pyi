import numpy as np
from numpy.typing import NDArray

__all__ = ["scan_sketches", "scan_sketches_many", "sketch_query", "sketch_rows"]

def sketch_rows(
    rotated: NDArray[np.float32], *, isa: str | None = None
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]: ...
def sketch_query(
    rotated: NDArray[np.float32], planes: int = 4
) -> tuple[NDArray[np.uint64], float]: ...
def scan_sketches(
    planes: NDArray[np.uint64],
    step: float | np.float32,
    bits: NDArray[np.uint64],
    factors: NDArray[np.float32],
    k: int,
    *,
    offsets: NDArray[np.float32] | None = None,
    bases: NDArray[np.float32] | None = None,
    eligible: NDArray[np.uint8] | None = None,
    ranges: NDArray[np.int64] | None = None,
    first_row: int = 0,
    isa: str | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
def scan_sketches_many(
    planes: NDArray[np.uint64],
    steps: NDArray[np.float32],
    bits: NDArray[np.uint64],
    factors: NDArray[np.float32],
    k: int,
    *,
    offsets: NDArray[np.float32] | None = None,
    eligible: NDArray[np.uint8] | None = None,
    ranges: NDArray[np.int64] | None = None,
    first_row: int = 0,
    isa: str | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]: ...
