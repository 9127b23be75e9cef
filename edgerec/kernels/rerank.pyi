import numpy as np
from numpy.typing import NDArray

__all__ = ["inner_products"]

def inner_products(
    query: NDArray[np.float32],
    vectors: NDArray[np.float32] | NDArray[np.float16],
    rows: NDArray[np.int32],
    *,
    isa: str | None = None,
) -> NDArray[np.float32]: ...
