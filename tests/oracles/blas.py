"""Threads that the loaded BLAS libraries would take, asked of themselves."""

from __future__ import annotations

import ctypes
from itertools import product
from pathlib import Path

__all__ = ["blas_threads"]

NAMES = [
    f"{prefix}openblas_get_num_threads{suffix}"
    for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64", "_"))
]


def blas_threads() -> set[int]:
    """Threads of each OpenBLAS in this process."""
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    libraries = [ctypes.CDLL(path) for path in mapped if "openblas" in path]
    return {int(getattr(one, name)()) for one in libraries for name in NAMES if hasattr(one, name)}
