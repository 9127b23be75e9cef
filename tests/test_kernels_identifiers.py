"""Ids are found by their hashes and their bytes; nothing that lies outside is followed."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import ShapeError
from edgerec.kernels.identifiers import find_ids

Table = tuple[NDArray[np.uint32], NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]
MANY = [f"item-{number}" for number in range(20_000)]
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4) | st.sampled_from("abcde")


def table_of(ids: list[str]) -> Table:
    encoded = [name.encode() for name in ids]
    hashes = np.array([crc32(name) for name in encoded], np.uint32)
    order = np.argsort(hashes, kind="stable").astype(np.int32)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return hashes[order], order, offsets, np.frombuffer(b"".join(encoded), np.uint8)


def first_visible(ids: list[str], name: str, visible: set[int]) -> int:
    return min(
        (row for row, known in enumerate(ids) if known == name and row in visible), default=-1
    )


@settings(deadline=None)
@given(st.lists(IDS, min_size=1), st.lists(IDS), st.data())
def test_the_first_visible_row_is_found(
    ids: list[str], others: list[str], data: st.DataObject
) -> None:
    """Ids that stand twice share a hash."""
    seen = data.draw(st.sets(st.integers(0, len(ids) - 1)))
    bits = np.packbits([row in seen for row in range(len(ids))], bitorder="little")
    wanted, table = [*ids, *others], table_of(ids)
    every = set(range(len(ids)))
    assert find_ids(wanted, *table).tolist() == [first_visible(ids, w, every) for w in wanted]
    found = find_ids(wanted, *table, visible=bits).tolist()
    assert found == [first_visible(ids, w, seen) for w in wanted]


@pytest.mark.parametrize("share", [1.0, 0.3, 0.01])
def test_many_are_found_wherever_their_hashes_crowd(share: float) -> None:
    """With hashes from one end alone nearly every guess is wrong."""
    for low in (True, False):
        least = 0 if low else (1 - share) * 2**32
        ids = [name for name in MANY if least <= crc32(name.encode()) < least + share * 2**32]
        table = table_of(ids)
        wanted = np.random.default_rng(0).permutation(MANY).tolist()
        rows = {name: row for row, name in enumerate(ids)}
        assert find_ids(wanted, *table).tolist() == [rows.get(name, -1) for name in wanted]


def test_what_is_no_id_is_not_found() -> None:
    table = table_of(["", "a", "é"])
    assert find_ids([], *table).tolist() == []
    assert find_ids(["\ud800", "é", "", "e"], *table).tolist() == [-1, 2, 0, -1]
    assert find_ids(["a"], *table_of([])).tolist() == [-1]
    with pytest.raises(TypeError):
        find_ids([b"a"], *table)  # type: ignore[list-item]


def test_rows_and_offsets_that_lie_outside_are_not_followed() -> None:
    ids = [f"a{number}" for number in range(100)]
    hashes, order, offsets, data = table_of(ids)
    for row in (-1, -(2**31), 100, 2**31 - 1):
        assert set(find_ids(ids, hashes, np.full_like(order, row), offsets, data)) == {-1}
    for offset in (-(2**63), -1, data.size + 1, 2**63 - 1):
        assert set(find_ids(ids, hashes, order, np.full_like(offsets, offset), data)) == {-1}
    assert (find_ids(ids, hashes, order, offsets[::-1].copy(), data) <= 0).all()
    assert find_ids(ids, hashes[::-1].copy(), order, offsets, data).size == 100


@pytest.mark.parametrize("place", range(5))
def test_arrays_that_do_not_fit_are_refused(place: int) -> None:
    table: list[Any] = [*table_of(["a", "b"]), np.zeros(1, np.uint8)]
    wrong = [np.zeros(2, np.int32), table[1][:1], table[2][:2], np.zeros(2, np.int8), table[4][:0]]
    table[place] = wrong[place]
    with pytest.raises(ShapeError):
        find_ids(["a"], *table[:4], visible=table[4])
