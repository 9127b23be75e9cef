"""Memory of tables that are read at random: huge pages, and pages that are there before they count.

A row read at random costs a walk through the page tables beside the read itself. With huge pages
(2 MiB instead of 4 KiB) that walk stays in the caches. Linux gives them to anonymous memory that
asks for them, where ``/sys/kernel/mm/transparent_hugepage/enabled`` says ``madvise`` or ``always``,
never to a file that is mapped from disk: a table gets them by being copied.

Nothing here fails where the operating system does not go along (``never``, no free huge page, or no
such call at all, as on macOS): the memory is then ordinary, and the contents are the same.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Access", "advise", "prefault", "resident"]

Scalar = TypeVar("Scalar", bound=np.generic)
Access = Literal["normal", "random", "sequential"]

HUGE_BYTES = 2 << 20


def resident(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Copy an array into memory of its own, of huge pages where the system gives them.

    Parameters
    ----------
    array : (...) any dtype without Python objects, any layout
        May be read-only or mapped from a file.

    Returns
    -------
    numpy.ndarray
        Of the same shape, dtype and contents, C-contiguous, writeable; its memory starts at a
        multiple of 2 MiB. Arrays of less than 2 MiB get ordinary memory.
    """
    if array.nbytes < HUGE_BYTES:
        return np.array(array, order="C")
    memory = _anonymous(array.nbytes + HUGE_BYTES)
    room: NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
    start = -room.ctypes.data % HUGE_BYTES
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def prefault(array: NDArray[Any]) -> None:
    """Bring every page of an array into memory, so that no request has to wait for the disk.

    An array that is mapped from a file is read from there, at the speed of the disk. The pages are
    not locked: where memory becomes scarce the system may drop them again.
    """
    if array.nbytes == 0:
        return
    _tell(array, "MADV_WILLNEED")  # starts to read all of it, at once
    low, high = np.lib.array_utils.byte_bounds(array)
    step = mmap.PAGESIZE
    whole = _bytes_of(array, high - low)
    whole[::step].max(initial=0)
    whole[-1:].max(initial=0)


def advise(array: NDArray[Any], access: Access) -> bool:
    """Say how an array that is mapped from a file will be read.

    Parameters
    ----------
    access : {"random", "sequential", "normal"}
        ``random`` for a table whose rows are looked up: nothing is read ahead, which would push out
        what is needed. ``sequential`` for one pass; ``normal`` takes an advice back.

    Returns
    -------
    bool
        Whether the system was told: False for memory that is not mapped, or without such a call.
    """
    return _tell(array, f"MADV_{access.upper()}")


def _anonymous(n_bytes: int) -> mmap.mmap:
    """Private memory, zeroed: shared memory, the default, has a switch of its own."""
    memory = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages: the memory is good all the same
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _tell(array: NDArray[Any], advice: str) -> bool:
    """Give an advice on the pages of an array, if they are mapped."""
    memory = _mapping(array)
    if memory is None or not hasattr(mmap, advice) or array.nbytes == 0:
        return False
    first = np.frombuffer(memory, np.uint8, 1).ctypes.data
    low, high = (place - first for place in np.lib.array_utils.byte_bounds(array))
    start = low - low % mmap.PAGESIZE
    memory.madvise(getattr(mmap, advice), start, high - start)
    return True


def _mapping(array: NDArray[Any]) -> mmap.mmap | None:
    """The mapping that an array is a view of."""
    base: object = array
    while not isinstance(base, mmap.mmap):
        if isinstance(base, memoryview):
            base = base.obj
        elif isinstance(base, np.ndarray):
            base = base.base
        else:
            return None
    return base


def _bytes_of(array: NDArray[Any], n_bytes: int) -> NDArray[np.uint8]:
    """Everything between the first and the last byte of an array."""
    low, _ = np.lib.array_utils.byte_bounds(array)
    description = {
        "data": (low, True),
        "shape": (n_bytes,),
        "strides": None,
        "typestr": "|u1",
        "version": 3,
    }
    return np.asarray(_Interface(description, array))


class _Interface:
    """Memory as NumPy's array interface describes it; keeps its owner alive."""

    def __init__(self, description: Mapping[str, object], owner: object) -> None:
        self.__array_interface__ = dict(description)
        self._owner = owner
