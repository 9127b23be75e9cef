"""The read loop that scans are held against, compiled when it is first needed."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.retrieval.cache import entry

__all__ = ["reader"]

SOURCE = Path(__file__).with_name("stream.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")


def reader() -> Callable[[NDArray[Any]], int]:
    """Return a function that reads a contiguous array once, in four streams.

    Raises
    ------
    subprocess.CalledProcessError
        ``$CC``, by default cc, does not compile.
    """
    compiler = os.environ.get("CC", "cc")
    place = entry("native", "stream", [SOURCE.read_text(), compiler, FLAGS])
    with place.made() as folder:
        if folder is not None:
            command = [*compiler.split(), *FLAGS, str(SOURCE), "-o", str(folder / "stream.so")]
            subprocess.run(command, check=True)
            place.finish({"command": command})
    read4 = ctypes.CDLL(str(place.path / "stream.so")).bench_read4
    read4.argtypes, read4.restype = (ctypes.c_void_p, ctypes.c_size_t), ctypes.c_uint64

    def read(array: NDArray[Any]) -> int:
        return int(read4(array.ctypes.data, array.nbytes // 8))

    return read
