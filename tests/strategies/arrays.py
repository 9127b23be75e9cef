"""Arrays that try a kernel: lengths around its lanes, extreme values, ties, awkward memory."""

from __future__ import annotations

import ctypes
import mmap
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = [
    "bitmaps",
    "code_rows",
    "disjoint_ranges",
    "fenced",
    "float_rows",
    "lengths",
    "lookups_of",
    "positive_scales",
    "score_offsets",
    "shifted",
    "sketch_words",
]

Scalar = TypeVar("Scalar", bound=np.generic)

PAGE = mmap.PAGESIZE
PROT_NONE = 0


def lengths(*lanes: int, most: int = 300) -> st.SearchStrategy[int]:
    """0, 1, L - 1, L, L + 1, 2L - 1, 2L + 1 of each number of lanes, primes, and anything."""
    edges = {
        0,
        1,
        2,
        13,
        31,
        97,
        *(n for L in lanes for n in (L - 1, L, L + 1, 2 * L - 1, 2 * L + 1)),
    }
    return st.sampled_from(sorted(edges)) | st.integers(0, most)


def _generators() -> st.SearchStrategy[np.random.Generator]:
    return st.builds(np.random.default_rng, st.integers(0, 2**32 - 1))


@st.composite
def code_rows(draw: st.DrawFn, n: int, dim: int) -> NDArray[np.int8]:
    """(n, dim) int8 in [-127, 127]: random, few values (ties), or all at the ends."""
    rng = draw(_generators())
    kind = draw(st.sampled_from(["random", "ties", "ends", "low", "high", "zero"]))
    if kind == "random":
        return rng.integers(-127, 128, (n, dim), np.int8)
    if kind == "ties":
        return rng.integers(0, 2, (n, dim), np.int8)
    if kind == "ends":
        return rng.choice(np.array([-127, 127], np.int8), (n, dim))
    return np.full((n, dim), {"low": -127, "high": 127, "zero": 0}[kind], np.int8)


@st.composite
def positive_scales(draw: st.DrawFn, n: int) -> NDArray[np.float32]:
    """(n,) float32 > 0: equal, powers of two, or random over many magnitudes."""
    rng = draw(_generators())
    kind = draw(st.sampled_from(["equal", "powers", "random", "magnitudes"]))
    if kind == "equal":
        return np.full(n, 0.01, np.float32)
    if kind == "powers":
        return (2.0 ** rng.integers(-3, 3, n)).astype(np.float32)
    if kind == "random":
        return rng.uniform(0.001, 0.1, n).astype(np.float32)
    return (10.0 ** rng.uniform(-30, 30, n)).astype(np.float32)


@st.composite
def sketch_words(draw: st.DrawFn, n: int, words: int) -> NDArray[np.uint64]:
    """(n, words) uint64: random, of two kinds of rows (ties), or all bits alike."""
    rng = draw(_generators())
    kind = draw(st.sampled_from(["random", "ties", "zeros", "ones"]))
    if kind == "random":
        return rng.integers(0, 2**64, (n, words), np.uint64)
    if kind == "ties":
        return rng.integers(0, 2**64, (2, words), np.uint64)[rng.integers(0, 2, n)]
    return np.full((n, words), {"zeros": 0, "ones": 2**64 - 1}[kind], np.uint64)


@st.composite
def score_offsets(draw: st.DrawFn, n: int) -> NDArray[np.float32] | None:
    """(n,) float32 of the scores' size, all equal, or huge; None for none."""
    rng = draw(_generators())
    kind = draw(st.sampled_from([None, "random", "equal", "huge"]))
    if kind is None:
        return None
    size = {"random": 1.0, "equal": 0.0, "huge": 1e30}[kind]
    return (rng.normal(size=n) * size - 0.5).astype(np.float32)


@st.composite
def disjoint_ranges(draw: st.DrawFn, n: int) -> NDArray[np.int64] | None:
    """(r, 2) int64 ranges of n rows, in any order, short or long, some empty; None for all rows."""
    pieces = draw(st.sampled_from([None, 0, 1, 2, 5, 40]))
    if pieces is None:
        return None
    rng = draw(_generators())
    cuts = np.sort(rng.integers(0, n + 1, 2 * pieces))
    return rng.permutation(cuts.reshape(pieces, 2).astype(np.int64))


@st.composite
def lookups_of(
    draw: st.DrawFn, n_ranges: int, n_queries: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Which queries see which range: nobody, few or all of them, each once, in any order."""
    rng = draw(_generators())
    share = draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
    seen = [rng.permutation(np.flatnonzero(rng.random(n_queries) < share)) for _ in range(n_ranges)]
    starts = np.cumsum([0, *map(len, seen)], dtype=np.int64)
    return starts, np.concatenate([*seen, np.zeros(0, np.int64)]).astype(np.int32)


@st.composite
def float_rows(draw: st.DrawFn, n: int, dim: int) -> NDArray[np.float32]:
    """(n, dim) finite float32: normal, halves (rounding ties), huge, subnormal, rows of zeros."""
    rng = draw(_generators())
    kind = draw(st.sampled_from(["normal", "halves", "huge", "subnormal", "mixed", "zero"]))
    x = rng.normal(size=(n, dim))
    if kind == "halves":
        x = rng.integers(-254, 255, (n, dim)) / 2
    if kind == "mixed":
        x *= 10.0 ** rng.integers(-44, 37, (n, 1))
        x[rng.random(n) < 0.2] = 0
    factor = {"huge": 5e37, "subnormal": 1e-41, "zero": 0.0}.get(kind, 1.0)
    return (x * factor).clip(-3e38, 3e38).astype(np.float32)


@st.composite
def bitmaps(draw: st.DrawFn, n: int) -> tuple[NDArray[np.bool_], NDArray[np.uint8]] | None:
    """A mask over n rows and its bitmap, whose bits beyond n are noise; None for no filter."""
    share = draw(st.sampled_from([None, 0.0, 0.01, 0.1, 0.5, 0.65, 0.9, 1.0]))
    if share is None:
        return None
    rng = draw(_generators())
    mask = rng.random(n) < share
    bits = rng.random((n + 7) // 8 * 8) < 0.5
    bits[:n] = mask
    return mask, np.packbits(bits, bitorder="little")


def fenced(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """A read-only copy that ends where inaccessible memory begins: reading past it crashes."""
    pages = -(-array.nbytes // PAGE) + 1
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    fence = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + pages * PAGE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(PAGE), PROT_NONE):
        raise OSError(ctypes.get_errno(), "mprotect")
    start = pages * PAGE - array.nbytes
    copy = np.frombuffer(memory, array.dtype, array.size, start).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


def shifted(array: NDArray[np.int8], offset: int) -> NDArray[np.int8]:
    """A copy of codes that starts `offset` bytes past an aligned address."""
    memory = np.empty(array.size + 64 + offset, np.int8)
    start = -memory.ctypes.data % 64 + offset
    copy = memory[start : start + array.size].reshape(array.shape)
    copy[...] = array
    return copy
