import numpy as np
from numpy.typing import NDArray

__all__ = ["rotate"]

def rotate(
    x: NDArray[np.float32],
    signs: NDArray[np.int8],
    *,
    isa: str | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]: ...
