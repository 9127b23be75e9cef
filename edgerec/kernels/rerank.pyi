import numpy as np
from numpy.typing import NDArray

__all__ = ["cosines", "inner_products", "int8_products", "squared_distances"]

def cosines(
    query: NDArray[np.float32],
    vectors: NDArray[np.float32] | NDArray[np.float16],
    rows: NDArray[np.int32],
    *,
    isa: str | None = None,
) -> NDArray[np.float32]: ...
def inner_products(
    query: NDArray[np.float32],
    vectors: NDArray[np.float32] | NDArray[np.float16],
    rows: NDArray[np.int32],
    *,
    isa: str | None = None,
) -> NDArray[np.float32]: ...
def int8_products(
    query: NDArray[np.int8],
    query_scale: float | np.float32,
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    rows: NDArray[np.int32],
    *,
    offsets: NDArray[np.float32] | None = None,
    isa: str | None = None,
) -> NDArray[np.float32]: ...
def squared_distances(
    query: NDArray[np.float32],
    vectors: NDArray[np.float32] | NDArray[np.float16],
    rows: NDArray[np.int32],
    *,
    isa: str | None = None,
) -> NDArray[np.float32]: ...
