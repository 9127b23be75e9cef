"""Memory of tables: huge pages, and pages that are there before they count.

A row read at random costs a walk through the page tables beside the read itself. With huge pages
(2 MiB instead of 4 KiB) that walk stays in the caches. Linux gives them to anonymous memory that
asks for them, where ``/sys/kernel/mm/transparent_hugepage/enabled`` says ``madvise`` or ``always``,
and to a file that is mapped where its file system keeps large folios (ext4 and XFS of late) or the
kernel was built with ``CONFIG_READ_ONLY_THP_FOR_FS``; elsewhere a table gets them by being copied.

Nothing here fails where the operating system does not go along (``never``, no free huge page, or no
such call at all, as on macOS): the memory is then ordinary, and the contents are the same.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HUGE_BYTES",
    "Access",
    "Held",
    "advise",
    "ask_huge",
    "empty",
    "held",
    "huge_pages",
    "prefault",
    "resident",
]

Scalar = TypeVar("Scalar", bound=np.generic)
Access = Literal["normal", "random", "sequential"]

HUGE_BYTES = 2 << 20
MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MAPPINGS = Path("/proc/self/smaps")
MADV_COLLAPSE = 25  # Linux 6.1; Python's mmap does not name it
HUGE_FIELDS = ("AnonHugePages", "FilePmdMapped", "ShmemPmdMapped")


@dataclass(frozen=True, slots=True)
class Held:
    """How much of some tables this process has in memory.

    Parameters
    ----------
    bytes : int
        Of the tables.
    resident_bytes : int
        Of these, mapped to memory; no request waits for them. Of a table that lies in a larger
        mapping, that mapping's share.
    huge_bytes : int
        Of these, in huge pages.
    """

    bytes: int
    resident_bytes: int
    huge_bytes: int


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return memory for a table, to be written before it is read.

    From 2 MiB on it starts at a multiple of 2 MiB, and of huge pages where the system gives them;
    rows of 64 bytes then never lie on two cache lines, as they do in ``np.empty``.
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < HUGE_BYTES or dtype.hasobject:
        return np.empty(shape, dtype)
    memory = mmap.mmap(-1, n_bytes + HUGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    ask_huge(memory)
    room: NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
    start = -room.ctypes.data % HUGE_BYTES
    return room[start : start + n_bytes].view(dtype).reshape(shape)


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
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def ask_huge(memory: mmap.mmap) -> bool:
    """Ask for huge pages under a mapping, best before its first page is touched.

    Of a file they must not be asked for where single rows are read of more than fits into memory:
    every row that is missing would bring 2 MiB.

    Returns
    -------
    bool
        Whether the system takes such wishes. Whether it grants them is what :func:`held` says.
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return False
    try:
        memory.madvise(mmap.MADV_HUGEPAGE)
    except OSError:  # a kernel without huge pages: the memory is good all the same
        return False
    return True


def huge_pages() -> str:
    """Return who gets huge pages here: ``always``, ``madvise`` (who asks), ``never``.

    ``unavailable`` where the system has no such switch.
    """
    try:
        chosen = MODE.read_text().partition("[")[2].partition("]")[0]
    except OSError:
        return "unavailable"
    return chosen or "unavailable"


def held(tables: Mapping[str, Iterable[NDArray[Any]]]) -> dict[str, Held] | None:
    """Say how much of some tables, each of several arrays, this process has in memory.

    None where the system does not tell (it takes Linux's ``/proc/self/smaps``).
    """
    try:
        mappings = _mappings(MAPPINGS.read_text())
    except OSError:
        return None
    return {name: _sum(_held(array, mappings) for array in of) for name, of in tables.items()}


def prefault(array: NDArray[Any]) -> None:
    """Bring every page of an array into memory, so that no request has to wait for the disk.

    An array that is mapped from a file is read from there, at the speed of the disk. The pages are
    not locked: where memory becomes scarce the system may drop them again. Where huge pages were
    asked for and the kernel can gather what is there already into such, it does.
    """
    if array.nbytes == 0:
        return
    _tell(array, mmap.MADV_WILLNEED)  # starts to read all of it, at once
    low, high = np.lib.array_utils.byte_bounds(array)
    step = mmap.PAGESIZE
    whole = _bytes_of(array, high - low)
    whole[::step].max(initial=0)
    whole[-1:].max(initial=0)
    if array.nbytes >= HUGE_BYTES and huge_pages() in ("always", "madvise"):
        with suppress(OSError):  # not of this file system, or no page to be had
            _tell(array, MADV_COLLAPSE)


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
    if access == "random" and hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):
            _tell(array, mmap.MADV_NOHUGEPAGE)  # which would read 2 MiB ahead
    advice = getattr(mmap, f"MADV_{access.upper()}", None)
    return advice is not None and _tell(array, advice)


def _tell(array: NDArray[Any], advice: int) -> bool:
    """Give an advice on the pages of an array, if they are mapped."""
    memory = _mapping(array)
    if memory is None or array.nbytes == 0:
        return False
    first = np.frombuffer(memory, np.uint8, 1).ctypes.data
    low, high = (place - first for place in np.lib.array_utils.byte_bounds(array))
    start = low - low % mmap.PAGESIZE
    memory.madvise(advice, start, high - start)
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


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One mapping of this process: its addresses, and the shares of it that are there."""

    start: int
    stop: int
    resident: float
    huge: float


def _mappings(smaps: str) -> list[_Mapping]:
    """Read what the kernel says of each mapping, in the order of addresses."""
    found: list[_Mapping] = []
    start = stop = rss = huge = 0
    for line in smaps.splitlines():
        name, _, rest = line.partition(" ")
        if name == "Rss:":
            rss = int(rest.split()[0]) << 10
        elif name[:-1] in HUGE_FIELDS:
            huge += int(rest.split()[0]) << 10
        elif name == "VmFlags:":  # the last line of each
            size = stop - start
            found.append(_Mapping(start, stop, rss / size, huge / size))
        elif not name.endswith(":"):
            start, stop = (int(address, 16) for address in name.split("-"))
            huge = 0
    return found


def _held(array: NDArray[Any], mappings: list[_Mapping]) -> Held:
    if not array.nbytes:
        return Held(0, 0, 0)
    low, high = np.lib.array_utils.byte_bounds(array)
    resident = huge = 0.0
    for mapping in mappings:
        shared = min(high, mapping.stop) - max(low, mapping.start)
        if shared > 0:
            resident += min(shared * mapping.resident, shared)
            huge += min(shared * mapping.huge, shared)
    return Held(high - low, round(resident), round(huge))


def _sum(parts: Iterable[Held]) -> Held:
    every = list(parts)
    return Held(
        sum(one.bytes for one in every),
        sum(one.resident_bytes for one in every),
        sum(one.huge_bytes for one in every),
    )


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
