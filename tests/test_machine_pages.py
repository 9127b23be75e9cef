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

from edgerec.machine import pages
from edgerec.machine.pages import (
    HUGE_BYTES,
    advise,
    ask_huge,
    empty,
    held,
    huge_pages,
    prefault,
    resident,
)

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


@settings(deadline=None, max_examples=30)
@given(
    rows=st.sampled_from([0, 1, 3000, HUGE_BYTES // 64, HUGE_BYTES // 64 + 1]),
    dtype=st.sampled_from([np.int8, np.float16, np.float32, np.object_]),
)
def test_empty_memory_is_that_of_an_array(rows: int, dtype: type[np.generic]) -> None:
    array = empty((rows, 64), np.dtype(dtype))
    assert (array.shape, array.dtype) == ((rows, 64), np.dtype(dtype))
    assert array.flags.c_contiguous
    assert array.flags.writeable
    array[...] = 1
    assert (array == 1).all()
    if array.nbytes >= HUGE_BYTES and dtype is not np.object_:
        assert array.ctypes.data % HUGE_BYTES == 0


@pytest.mark.skipif(not SMAPS.exists(), reason="the system does not say what is in memory")
def test_what_is_held_is_said_table_by_table(tmp_path: Path) -> None:
    memory = mmap.mmap(-1, 64 * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    (tmp_path / "table").write_bytes(bytes(16 * mmap.PAGESIZE))
    file = np.memmap(tmp_path / "table", np.uint8, "r")
    found = held({"file": [file[:100], file[-100:]], "none": [], "empty": [file[:0]]})
    assert found is not None
    assert (found["none"].bytes, found["empty"].bytes) == (0, 0)
    assert found["file"].bytes == 200
    prefault(file)
    found = held({"file": [file]})
    assert found is not None
    assert found["file"].resident_bytes == found["file"].bytes == 16 * mmap.PAGESIZE
    large = resident(np.ones(8 * HUGE_BYTES, np.uint8))
    found = held({"large": [large]})
    assert found is not None
    assert found["large"].resident_bytes >= 0.8 * large.nbytes  # its mapping has a reserve
    assert (found["large"].huge_bytes > 0) is (huge_kib(large) > 0)


def test_who_does_not_tell_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pages, "MAPPINGS", tmp_path / "none")
    monkeypatch.setattr(pages, "MODE", tmp_path / "none")
    assert held({"x": [np.ones(3)]}) is None
    assert huge_pages() == "unavailable"


@pytest.mark.parametrize("mode", ["always", "madvise", "never"])
def test_the_systems_switch_is_read(
    mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = [f"[{word}]" if word == mode else word for word in ("always", "madvise", "never")]
    (tmp_path / "enabled").write_text(" ".join(words) + "\n")
    monkeypatch.setattr(pages, "MODE", tmp_path / "enabled")
    assert huge_pages() == mode


def test_asking_for_huge_pages_never_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mapped(tmp_path / "table", HUGE_BYTES)
    with (tmp_path / "table").open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert ask_huge(memory) in (True, False)
    prefault(np.frombuffer(memory, np.int32))
    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 9999, raising=False)  # no kernel knows it
    assert ask_huge(memory) is False
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE")
    assert ask_huge(memory) is False


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
