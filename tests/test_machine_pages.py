"""Memory for tables: huge pages with the same contents, pages there in advance, advice."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.machine.pages import HUGE_BYTES, advise, prefault, resident

MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
SMAPS = Path("/proc/self/smaps")


def mapped(path: Path, n: int = 100_000) -> NDArray[np.int32]:
    np.arange(n, dtype=np.int32).tofile(path)
    return np.memmap(path, np.int32, "r")


def huge_kib(array: NDArray[np.generic]) -> int:
    """KiB of huge pages under the first byte of an array."""
    inside = False
    for line in SMAPS.read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(bounds[1], 16) <= array.ctypes.data < int(bounds[2], 16)
        if inside and line.startswith("AnonHugePages:"):
            return int(line.split()[1])
    raise AssertionError("the array lies in no mapping")


@settings(deadline=None, max_examples=20)
@given(
    rows=st.sampled_from([0, 1, 100, HUGE_BYTES // 12 - 1, HUGE_BYTES // 12 + 1, HUGE_BYTES // 4]),
    dtype=st.sampled_from([np.uint8, np.float32, np.int64]),
    turned=st.booleans(),
)
def test_a_resident_copy_has_the_same_contents(
    rows: int, dtype: type[np.generic], turned: bool
) -> None:
    array = np.arange(rows * 3).astype(dtype).reshape(rows, 3)
    array = array.T if turned else array
    array.flags.writeable = False
    copy = resident(array)
    assert copy.dtype == array.dtype
    assert (copy == array).all()
    assert copy.shape == array.shape
    assert copy.flags.c_contiguous
    assert copy.flags.writeable
    assert not np.shares_memory(copy, array)
    if array.nbytes >= HUGE_BYTES:
        assert copy.ctypes.data % HUGE_BYTES == 0


def test_a_resident_copy_outlives_everything_else_and_is_private() -> None:
    copy = resident(np.ones(HUGE_BYTES, np.uint8))
    other = resident(copy)
    other[0] = 7
    del other
    assert copy.min() == copy.max() == 1


@pytest.mark.skipif(
    not MODE.exists() or "[never]" in MODE.read_text() or not SMAPS.exists(),
    reason="no huge pages on this system",
)
def test_where_huge_pages_are_allowed_a_large_copy_gets_them() -> None:
    copy = resident(np.ones(16 * HUGE_BYTES, np.uint8))
    assert huge_kib(copy) > 0


def test_without_the_call_the_memory_is_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    assert resident(np.ones(HUGE_BYTES, np.uint8)).min() == 1


def test_prefaulting_brings_every_page_of_a_mapped_file(tmp_path: Path) -> None:
    array = mapped(tmp_path / "table")
    before = array.copy()
    prefault(array)
    prefault(array[1000:-1000].reshape(-1, 100)[:, ::7])
    assert (array == before).all()
    # the map's own pages are there: so many KiB are resident in this process
    size, inside = 0, False
    for line in SMAPS.read_text().splitlines() if SMAPS.exists() else []:
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith("/table")
        if inside and line.startswith("Rss:"):
            size += int(line.split()[1])
    assert not SMAPS.exists() or size * 1024 >= array.nbytes


@pytest.mark.parametrize(
    "array", [np.zeros(0, np.int8), np.zeros((3, 0)), np.float32(3).reshape(()), np.ones(99_999)]
)
def test_prefaulting_takes_any_array(array: NDArray[np.generic]) -> None:
    prefault(array)


def test_advice_reaches_what_is_mapped_and_says_so(tmp_path: Path) -> None:
    array = mapped(tmp_path / "table")
    heard = hasattr(mmap, "MADV_RANDOM")
    assert advise(array, "random") is heard
    assert advise(array[5000:60_000], "sequential") is heard
    assert advise(array, "normal") is heard
    with (tmp_path / "table").open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert advise(np.frombuffer(memory, np.int32)[9:], "random") is heard
    assert advise(np.ones(5), "random") is False
    assert advise(array[:0], "random") is False
