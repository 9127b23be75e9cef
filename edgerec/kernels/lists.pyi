from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgerec.kernels.later import LaterRows

__all__ = ["ListSearch"]

Centroids: TypeAlias = tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]
Packed: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]

class ListSearch:
    def __init__(
        self,
        groups: Centroids,
        lists: Packed,
        members: NDArray[np.int64],
        ranges: NDArray[np.int64],
        sizes: NDArray[np.int32],
        sketches: tuple[NDArray[np.uint64], NDArray[np.float32]],
        codes: NDArray[np.int8],
        scales: NDArray[np.float32],
        offsets: NDArray[np.float32] | None,
        signs: NDArray[np.int8],
        vectors: NDArray[Any] | None,
        metric: str,
        *,
        ceiling: str | None = None,
    ) -> None: ...
    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        *,
        wanted: int,
        rows: int,
        groups: int,
        shortlist: int,
        further: float = 1.0,
        eligible: NDArray[np.uint8] | None = None,
        later: LaterRows | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], int, NDArray[np.int32]]: ...
    def search_many(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        wanted: int,
        rows: int,
        groups: int,
        shortlist: int,
        further: float = 1.0,
        eligible: NDArray[np.uint8] | None = None,
        later: LaterRows | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]: ...
