"""The kernels' results, computed from their definitions with NumPy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "best",
    "cosines",
    "embedding_bags",
    "inner_products",
    "pack_rows",
    "quantize_columns",
    "quantize_rows",
    "scan_scores",
    "squared_distances",
    "within",
]

LANES = 16


def quantize_rows(x: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes and scales, row by row."""
    codes = np.empty(x.shape, np.int8)
    scales = np.ones(len(x), np.float32)
    for row, values in enumerate(x):
        largest = np.float32(max(abs(value) for value in values)) if len(values) else np.float32(0)
        if largest > 0:
            scales[row] = max(largest / np.float32(127), np.finfo(np.float32).tiny)
        codes[row] = np.rint(values / scales[row])
    return codes, scales


def quantize_columns(x: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes and scales, column by column: a column is quantised as a row is."""
    codes, scales = quantize_rows(np.ascontiguousarray(x.T))
    return np.ascontiguousarray(codes.T), scales


def scan_scores(
    query: NDArray[np.int8],
    query_scale: np.float32,
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    offsets: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """float32(dot) * row scale * query scale [+ offset], in that order, of every row."""
    dots = codes.astype(np.int64) @ query.astype(np.int64)
    scores = dots.astype(np.float32) * scales * np.float32(query_scale)
    return scores if offsets is None else scores + offsets


def within(
    n: int, mask: NDArray[np.bool_] | None, ranges: NDArray[np.int64] | None
) -> NDArray[np.bool_]:
    """Which of n rows the mask allows and lie in a range."""
    if ranges is None:
        covered = np.ones(n, np.bool_)
    else:
        covered = np.zeros(n, np.bool_)
        for start, stop in ranges:
            covered[start:stop] = True
    return covered if mask is None else covered & mask


def best(
    scores: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None
) -> tuple[list[int], list[float]]:
    """Rows and scores of the k best eligible rows: score descending, then row ascending."""
    rows = [row for row in range(len(scores)) if mask is None or mask[row]]
    rows = sorted(rows, key=lambda row: (-scores[row], row))[:k]
    return rows, [float(scores[row]) for row in rows]


def inner_products(
    query: NDArray[np.float32], vectors: NDArray[np.floating], rows: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Sums of products of the query with each row."""
    return _in_lanes(vectors[rows].astype(np.float32) * query)


def squared_distances(
    query: NDArray[np.float32], vectors: NDArray[np.floating], rows: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Sums of squared differences."""
    differences = query - vectors[rows].astype(np.float32)
    return _in_lanes(differences * differences)


def cosines(
    query: NDArray[np.float32], vectors: NDArray[np.floating], rows: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Products by the product of the lengths; 0 where that is 0."""
    products = inner_products(query, vectors, rows)
    picked = vectors[rows].astype(np.float32)
    lengths = np.sqrt(_in_lanes((query * query)[None])) * np.sqrt(_in_lanes(picked * picked))
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def _in_lanes(terms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over 16 lanes, then over halves of the lanes; each step rounded to float32."""
    lanes = np.zeros((len(terms), LANES), np.float32)
    for column in range(terms.shape[1]):
        lanes[:, column % LANES] += terms[:, column]
    width = LANES
    while width > 1:
        width //= 2
        lanes = lanes[:, :width] + lanes[:, width:]
    return lanes[:, 0]


def pack_rows(x: NDArray[np.float32], bits: int) -> NDArray[np.uint8]:
    """Rows of a scale and codes, byte by byte."""
    limit = np.float32(2 ** (bits - 1) - 1)
    table = []
    for values in x:
        largest = np.float32(max(abs(value) for value in values)) if len(values) else np.float32(0)
        tiny = np.finfo(np.float32).tiny
        scale = max(largest / limit, tiny) if largest > 0 else np.float32(1)
        codes = [int(np.rint(value / scale)) for value in values]
        if bits == 4:
            codes += [0] * (len(codes) % 2)
            low, high = codes[::2], codes[1::2]
            codes = [(a & 15) | (b & 15) << 4 for a, b in zip(low, high, strict=True)]
        table.append([*np.float32(scale).tobytes(), *(code & 255 for code in codes)])
    width = 4 + (x.shape[1] * bits + 7) // 8
    return np.array(table, np.uint8).reshape(len(x), width)


def embedding_bags(
    table: NDArray[np.uint8],
    dim: int,
    offsets: NDArray[np.int64],
    ids: NDArray[np.integer],
    *,
    bits: int,
    weights: NDArray[np.float32] | None,
    mean: bool,
) -> NDArray[np.float32]:
    """Row by row, each step rounded to float32."""
    scales = table[:, :4].copy().view(np.float32)[:, 0]
    codes = table[:, 4:].view(np.int8).astype(np.float32)
    if bits == 4:
        nibbles = np.stack([table[:, 4:] & 15, table[:, 4:] >> 4], 2).reshape(len(table), -1)
        codes = nibbles.astype(np.float32) - np.float32(16) * (nibbles > 7)
    sums = np.zeros((len(offsets) - 1, dim), np.float32)
    for bag, (start, stop) in enumerate(pairwise(offsets)):
        for place in range(start, stop):
            factor = scales[ids[place]]
            if weights is not None:
                factor = weights[place] * factor
            sums[bag] += factor * codes[ids[place], :dim]
        if mean and stop > start:
            sums[bag] /= np.float32(stop - start)
    return sums
