import numpy as np
from numpy.typing import NDArray

__all__ = ["scan_int8", "scan_int8_many"]

def scan_int8(
    query: NDArray[np.int8],
    query_scale: float | np.float32,
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    k: int,
    *,
    offsets: NDArray[np.float32] | None = None,
    eligible: NDArray[np.uint8] | None = None,
    ranges: NDArray[np.int64] | None = None,
    first_row: int = 0,
    isa: str | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
def scan_int8_many(
    queries: NDArray[np.int8],
    query_scales: NDArray[np.float32],
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    k: int,
    *,
    offsets: NDArray[np.float32] | None = None,
    eligible: NDArray[np.uint8] | None = None,
    ranges: NDArray[np.int64] | None = None,
    lookups: tuple[NDArray[np.int64], NDArray[np.int32]] | None = None,
    first_row: int = 0,
    isa: str | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]: ...
