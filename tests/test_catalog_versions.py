"""Arrays by versions: every version keeps its values, whatever is written and whoever reads."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.catalog import versions
from edgerec.catalog.bitmaps import count, rows_of
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.predicates import Predicates
from edgerec.catalog.strings import Strings, objects
from edgerec.catalog.versions import Versioned
from edgerec.values.where import Leaf
from tests.strategies import catalogs

rows_and_values = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(-5, 5)), max_size=6)


def positive(values: NDArray[Any], out: NDArray[np.bool_]) -> None:
    np.greater(values, 0, out=out)


@catalogs.patient
@given(
    st.lists(st.integers(-5, 5), max_size=30),
    st.lists(st.tuples(rows_and_values, st.lists(st.integers(-5, 5), max_size=9)), max_size=12),
    st.sampled_from([0, 60, 10**6]),
    st.sampled_from(["number", "text"]),
)
def test_every_version_keeps_its_values(
    first: list[int],
    steps: list[tuple[list[tuple[int, int]], list[int]]],
    notes: int,
    kind: str,
) -> None:
    def stored(values: list[int]) -> Any:
        return np.array(values, np.float64) if kind == "number" else objects(map(str, values))

    base = stored(first)
    kept = [(Versioned.of(base if kind == "number" else Strings.of(base)), list(first))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions, "MIN_NOTES", notes)
        for changes, added in steps:
            newest, model = kept[-1][0], list(kept[-1][1])
            if model and changes:
                rows = [row % len(model) for row, _ in changes]
                values = [value for _, value in changes]
                newest = newest.changed(np.array(rows, np.int32), stored(values))
                for row, value in zip(rows, values, strict=True):
                    model[row] = value
            kept.append((newest.extended(stored(added)), model + added))
    for version, model in kept:
        every = np.arange(len(model), dtype=np.int32)
        expected = stored(model).tolist()
        assert len(version) == len(model)
        assert version.whole().tolist() == expected
        assert version.take(every[::-1]).tolist() == expected[::-1]
        if kind == "text":
            assert version.strings(every)[:].tolist() == expected
        else:
            passing = [row for row in every.tolist() if model[row] > 0]
            assert rows_of(version.bitmap(positive)).tolist() == passing
            for other, theirs in kept:
                rows_differing = version.differing(other)
                if rows_differing is not None:
                    unequal = {
                        row for row, (a, b) in enumerate(zip(model, theirs, strict=False)) if a != b
                    }
                    assert unequal <= set(rows_differing.tolist())


def test_the_base_is_never_written() -> None:
    base = np.zeros(10)
    base.flags.writeable = False
    first = Versioned.of(base)
    assert np.shares_memory(first.whole(), base)
    second = first.changed(np.array([3], np.int32), np.array([7.0]))
    assert (base.sum(), first.whole().sum(), second.whole().sum()) == (0, 0, 7)


def test_a_long_chain_of_notes_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MIN_NOTES", 10**9)
    first = newest = Versioned.of(np.zeros(4))
    for step in range(30_000):
        newest = newest.changed(np.array([step % 4], np.int32), np.array([float(step)]))
    assert first.whole().tolist() == [0.0] * 4
    moments = first.memory.held
    assert moments() is not None
    del first
    assert moments() is None
    assert newest.whole().tolist() == [29_996.0, 29_997.0, 29_998.0, 29_999.0]


@pytest.mark.parametrize("hold", [False, True])
def test_readers_beside_a_writer_see_whole_versions(hold: bool) -> None:
    """Each change swaps a 1 and a -1, so that every version has as many of either."""
    rows = 150_000
    rng = np.random.default_rng(0)
    signs = rng.permutation(np.repeat([1.0, -1.0], rows // 2))
    items = Items.from_records([{"id": "a", "x": 0}])
    items = Items(tuple(map(str, range(rows))), {"x": signs}, items.schema)
    catalog = Catalog(items, np.zeros((rows, 1), np.float32))
    done, wrong, kept = threading.Event(), [], [catalog.snapshot()]
    leaf = Leaf("x", "eq", 1)
    half = np.arange(0, rows, 7, dtype=np.int32)
    before = catalog.snapshot().take("x", half)

    def read() -> None:
        while not done.is_set():
            now = catalog.snapshot()
            counted = now.eligible(leaf).count
            anew = count(now.columns["x"].stored.bitmap(positive))
            summed = now.column("x").sum()
            if (counted, anew, summed) != (rows // 2, rows // 2, 0):
                wrong.append((now.sequence, counted, anew, summed))
            if hold and (kept[0].take("x", half) != before).any():
                wrong.append((now.sequence, "held"))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    if not hold:
        kept.clear()
    for _ in range(300):
        swapped = np.concatenate(
            [rng.choice(np.flatnonzero(signs == sign), 15, replace=False) for sign in (1, -1)]
        )
        signs[swapped] *= -1
        catalog.update_many([str(row) for row in swapped], {"x": signs[swapped]})
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
    np.testing.assert_array_equal(catalog.snapshot().column("x"), signs)


def test_bitmaps_of_comparisons_are_kept_and_bounded() -> None:
    stored = Versioned.of(np.arange(64.0))
    predicates = Predicates(max_bytes=10 * 8)
    made = []

    def bitmap(bound: int, version: Versioned) -> NDArray[np.uint8]:
        def test() -> versions.Test:
            made.append(bound)
            return lambda values, out: np.less(values, bound, out=out)

        return predicates.bitmap(Leaf("x", "lt", bound), version, test)

    first = bitmap(0, stored)
    for bound in range(10):
        bitmap(bound, stored)
    assert made == list(range(10))
    assert bitmap(0, stored) is first
    bitmap(10, stored)  # has no room beside the others: that of 1 goes, asked for longest ago
    assert len(predicates) == 10
    assert bitmap(0, stored) is first
    bitmap(1, stored)
    assert made == [*range(11), 1]


def test_bitmaps_that_are_of_no_use_hold_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons asked for once, while the values change and change."""
    monkeypatch.setattr(versions, "MIN_NOTES", 8 * versions.NOTE)
    newest, predicates, memories = Versioned.of(np.zeros(640)), Predicates(), []
    for bound in range(200):
        leaf = Leaf("x", "lt", bound)
        predicates.bitmap(leaf, newest, lambda: lambda v, out: np.less(v, 5, out=out))
        rows = np.arange(bound, bound + 60, dtype=np.int32)
        newest = newest.changed(rows, np.full(60, float(bound)))
        memories.append(weakref.ref(newest.memory))
    assert len(predicates) <= 4
    assert len({id(memory()) for memory in memories if memory() is not None}) <= 2


def test_a_bitmap_that_a_change_does_not_touch_is_shared() -> None:
    stored, predicates = Versioned.of(np.arange(64.0)), Predicates()
    leaf = Leaf("x", "lt", 8)

    def bitmap(version: Versioned) -> NDArray[np.uint8]:
        return predicates.bitmap(leaf, version, lambda: lambda v, out: np.less(v, 8, out=out))

    first = bitmap(stored)
    same = stored.changed(np.array([9], np.int32), np.array([99.0]))
    assert bitmap(same) is first
    other = same.changed(np.array([9], np.int32), np.array([1.0]))
    assert rows_of(bitmap(other)).tolist() == [*range(8), 9]
    assert rows_of(bitmap(stored)).tolist() == [*range(8)]
    assert rows_of(bitmap(other)).tolist() == [*range(8), 9]
    assert rows_of(first).tolist() == [*range(8)]
