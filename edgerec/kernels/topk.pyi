import numpy as np
from numpy.typing import NDArray

__all__ = ["top_k"]

def top_k(
    scores: NDArray[np.float32],
    k: int,
    *,
    eligible: NDArray[np.uint8] | None = None,
    isa: str | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
