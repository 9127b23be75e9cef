from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LaterRows"]

LaterSegment: TypeAlias = tuple[
    int, NDArray[np.int8], NDArray[np.float32], NDArray[np.float32] | None, NDArray[Any] | None
]

class LaterRows:
    def __init__(
        self,
        segments: Sequence[LaterSegment],
        order: NDArray[np.int32],
        offsets: NDArray[np.int64],
        placed: int,
    ) -> None: ...
