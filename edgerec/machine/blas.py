"""The threads of the BLAS libraries that are loaded in this process.

numpy and FAISS each bring an OpenBLAS that takes every core it sees. Environment variables are read
once, when such a library is loaded, and numpy is long loaded by the time anybody asks: only the
library's own function helps.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["limit_blas"]

HOST_SETTINGS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
PREFIXES = ("", "scipy_")
SUFFIXES = ("", "64_", "_64", "_")


def limit_blas(threads: int, *, environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Lower every loaded OpenBLAS to ``threads``; never raise one.

    What the host has set (``OPENBLAS_NUM_THREADS``, ``OMP_NUM_THREADS``) is left alone.

    Returns
    -------
    tuple of Path
        The libraries that were lowered.
    """
    if any(name in environment for name in HOST_SETTINGS):
        return ()
    lowered = []
    for path in _loaded():
        library = ctypes.CDLL(str(path))
        current = _function(library, "get_num_threads")
        change = _function(library, "set_num_threads")
        if current is not None and change is not None and current() > threads:
            change(ctypes.c_int(threads))
            lowered.append(path)
    return tuple(lowered)


def _loaded() -> Iterator[Path]:
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    files = {line.split(maxsplit=5)[5] for line in lines if "openblas" in line}
    return (Path(file) for file in sorted(files) if Path(file).is_file())


def _function(library: ctypes.CDLL, name: str) -> ctypes._NamedFuncPointer | None:
    """``openblas_<name>`` under whichever prefix and suffix this build gave its symbols."""
    for prefix in PREFIXES:
        for suffix in SUFFIXES:
            symbol = f"{prefix}openblas_{name}{suffix}"
            if hasattr(library, symbol):
                return getattr(library, symbol)  # type: ignore[no-any-return]
    return None
