"""Rotations, sketches and their scores, computed from their definitions with NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hadamard", "query_values", "rotate", "scores", "signs_of", "sketch_rows"]

LANES = 16


def hadamard(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orthogonal Walsh-Hadamard transform of a vector, each step rounded to float32."""
    x = x.copy()
    half = 1
    while half < len(x):
        for i in range(len(x)):
            if not i & half:
                x[i], x[i + half] = x[i] + x[i + half], x[i] - x[i + half]
        half *= 2
    return x * np.float32(1 / np.sqrt(len(x)))


def rotate(x: NDArray[np.float32], signs: NDArray[np.int8]) -> NDArray[np.float32]:
    """One vector, rotated: rounds of signs, and of transforms of its first or its last values."""
    bits = signs.shape[1]
    part = 1 << (bits.bit_length() - 1)
    rotated = np.zeros(bits, np.float32)
    rotated[: len(x)] = x
    for turn, flips in enumerate(signs):
        rotated = rotated * flips
        start = bits - part if turn % 2 else 0
        rotated[start : start + part] = hadamard(rotated[start : start + part])
    return rotated


def sketch_rows(rotated: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Signs (True where not negative) and factors, summed over 16 lanes, then over halves."""
    sums = []
    for values in (rotated * rotated, np.abs(rotated)):
        lanes = np.zeros((len(rotated), LANES), np.float32)
        for start in range(0, rotated.shape[1], LANES):
            lanes = lanes + values[:, start : start + LANES]
        while lanes.shape[1] > 1:
            lanes = lanes[:, : lanes.shape[1] // 2] + lanes[:, lanes.shape[1] // 2 :]
        sums.append(lanes[:, 0])
    squares, sizes = sums
    factors = np.divide(squares, sizes, out=np.zeros_like(squares), where=sizes > 0)
    return rotated >= 0, factors


def signs_of(bits: NDArray[np.uint64]) -> NDArray[np.int64]:
    """+1 and -1 for each bit of rows (..., words) of words, lowest bit first."""
    octets = np.ascontiguousarray(bits.astype("<u8")).view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little").astype(np.int64) * 2 - 1


def query_values(planes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The odd integers behind planes (p, words)."""
    return (signs_of(planes) * (1 << np.arange(len(planes)))[:, None]).sum(0)


def scores(
    planes: NDArray[np.uint64],
    step: np.float32,
    bits: NDArray[np.uint64],
    factors: NDArray[np.float32],
    offsets: NDArray[np.float32] | None = None,
    bases: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """float32(dot) * factor * step [+ offset] [+ base of the row], in that order."""
    dots = signs_of(bits) @ query_values(planes)
    found = dots.astype(np.float32) * factors * np.float32(step)
    for added in (offsets, bases):
        found = found if added is None else found + added
    return found
