"""Bitmaps: sets of rows, whatever their number."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog import bitmaps
from tests.strategies import catalogs

masks = st.lists(st.booleans(), max_size=200)


@catalogs.patient
@given(masks)
def test_a_packed_mask_has_its_rows(mask: list[bool]) -> None:
    bitmap = bitmaps.pack(np.array(mask, np.bool_))
    rows = [row for row, bit in enumerate(mask) if bit]
    assert bitmap.size == bitmaps.size_bytes(len(mask))
    assert bitmaps.rows_of(bitmap).tolist() == rows
    assert bitmaps.count(bitmap) == len(rows)


@catalogs.patient
@given(masks.filter(len), st.data(), st.booleans())
def test_put_changes_the_rows_it_is_given(mask: list[bool], data: st.DataObject, bit: bool) -> None:
    bitmap = bitmaps.pack(np.array(mask, np.bool_))
    rows = data.draw(st.lists(st.integers(0, len(mask) - 1), max_size=20))
    bitmaps.put(bitmap, np.array(rows, np.int32), bit)
    for row in rows:
        mask[row] = bit
    assert bitmaps.rows_of(bitmap).tolist() == np.flatnonzero(mask).tolist()


@catalogs.patient
@given(masks.filter(len), st.data())
def test_a_section_begins_at_its_start(mask: list[bool], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(mask)))
    stop = data.draw(st.integers(start, len(mask)))
    part = bitmaps.section(bitmaps.pack(np.array(mask, np.bool_)), start, stop)
    rows = [row for row in bitmaps.rows_of(part).tolist() if row < stop - start]
    assert part.size == bitmaps.size_bytes(stop - start)
    assert rows == np.flatnonzero(mask[start:stop]).tolist()


def test_selectivity_of_nothing_is_zero() -> None:
    assert bitmaps.Eligible(np.empty(0, np.uint8), 0, 0).selectivity == 0.0
