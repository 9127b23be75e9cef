from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["embedding_bags", "pack_rows"]

def pack_rows(
    x: NDArray[np.float32],
    *,
    bits: Literal[4, 8] = 8,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]: ...
def embedding_bags(
    table: NDArray[np.uint8],
    dim: int,
    offsets: NDArray[np.int64],
    ids: NDArray[np.int32] | NDArray[np.int64],
    *,
    bits: Literal[4, 8] = 8,
    weights: NDArray[np.float32] | None = None,
    mean: bool = False,
    out: NDArray[np.float32] | None = None,
    isa: str | None = None,
) -> NDArray[np.float32]: ...
