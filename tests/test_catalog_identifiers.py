"""Ids and rows: found by those who may see them, whatever happened in between."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog.identifiers import Identifiers
from tests.strategies import catalogs


def only(rows: set[int], size: int) -> NDArray[np.uint8]:
    return np.packbits([row in rows for row in range(size)], bitorder="little")


@catalogs.patient
@given(st.lists(catalogs.ids, unique=True, min_size=1), st.lists(catalogs.ids))
def test_the_newest_visible_row_is_found(base: list[str], later: list[str]) -> None:
    found = Identifiers.of(base)
    rows = {name: [row] for row, name in enumerate(base)}
    for row, name in enumerate(later, len(base)):
        found = found.extended([name])
        rows.setdefault(name, []).append(row)
    names = sorted(rows)
    assert found.find(names).tolist() == [rows[name][-1] for name in names]
    first = only({r[0] for r in rows.values()}, len(found))
    assert found.find(names, first).tolist() == [rows[name][0] for name in names]
    assert found.find(names, only(set(), len(found))).tolist() == [-1] * len(names)
    assert found.find([name + "!" for name in names]).tolist() == [
        rows[name][-1] if name in rows else -1 for name in [n + "!" for n in names]
    ]


def test_an_older_version_does_not_see_newer_rows() -> None:
    old = Identifiers.of(["a"])
    new = old.extended(["b"]).extended(["a"])
    assert old.find(["a", "b"]).tolist() == [0, -1]
    assert new.find(["a", "b"]).tolist() == [2, 1]


def test_a_write_that_was_given_up_leaves_no_trace() -> None:
    old = Identifiers.of(["a"])
    old.extended(["given up", "a"])
    new = old.extended(["b", "c"])
    names = ["a", "b", "c", "given up"]
    assert new.find(names).tolist() == [0, 1, 2, -1]
    assert new.extended(["given up"]).find(names).tolist() == [0, 1, 2, 3]
