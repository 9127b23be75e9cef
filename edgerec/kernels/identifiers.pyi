import numpy as np
from numpy.typing import NDArray

__all__ = ["find_ids"]

def find_ids(
    ids: list[str],
    hashes: NDArray[np.uint32],
    order: NDArray[np.int32],
    offsets: NDArray[np.int64],
    data: NDArray[np.uint8],
    *,
    visible: NDArray[np.uint8] | None = None,
) -> NDArray[np.int32]: ...
