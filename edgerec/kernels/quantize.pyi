import numpy as np
from numpy.typing import NDArray

__all__ = ["quantize_columns", "quantize_rows"]

def quantize_columns(
    x: NDArray[np.float32],
    *,
    isa: str | None = None,
    codes: NDArray[np.int8] | None = None,
    scales: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.int8], NDArray[np.float32]]: ...
def quantize_rows(
    x: NDArray[np.float32],
    *,
    isa: str | None = None,
    codes: NDArray[np.int8] | None = None,
    scales: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.int8], NDArray[np.float32]]: ...
