"""Compaction beside readers and writers: nothing is lost, stale or risen from the dead."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgerec.catalog.bitmaps import rows_of
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.changes import Delete
from edgerec.catalog.compaction import Compaction, Wear, wear
from edgerec.catalog.items import Items
from edgerec.catalog.log import ChangeLog
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import InvalidInput, LimitExceeded, ValueRangeError
from edgerec.values.where import parse_where

DIM = 3


def items_of(names: list[str], price: float = 1.0) -> Items:
    records = [{"id": name, "title": name, "price": price, "tags": [name[0]]} for name in names]
    return Items.from_records(records)


def vectors_of(count: int, value: float = 1.0) -> Any:
    return np.full((count, DIM), value, np.float32)


def names_of(count: int, letter: str = "a") -> list[str]:
    return [f"{letter}{n}" for n in range(count)]


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog(items_of(names_of(20)), vectors_of(20))
    made.upsert(items_of(names_of(5, "b")), vectors_of(5, 2.0))
    made.delete(names_of(7))
    return made


class Held:
    """A compaction that waits with the compacted snapshot in its hands."""

    def __init__(self, catalog: Catalog, **settings: Any) -> None:
        self._begun, self._go_on = threading.Event(), threading.Event()
        self.compaction = Compaction(catalog, prepare=self._wait, **settings).start()
        assert self._begun.wait(30)

    def _wait(self, _: Snapshot) -> None:
        self._begun.set()
        assert self._go_on.wait(30)

    def finish(self) -> Snapshot:
        self._go_on.set()
        return self.compaction.wait()


def test_compaction_drops_dead_rows_and_keeps_the_rest(catalog: Catalog) -> None:
    old = catalog.snapshot()
    now = Compaction(catalog).run()
    assert now is catalog.snapshot()
    assert (now.rows, now.live, len(now.segments)) == (18, 18, 1)
    assert (now.generation, now.sequence) == (old.generation + 1, old.sequence)
    assert now.ids(np.arange(18)) == (*names_of(20)[7:], *names_of(5, "b"))
    assert (old.rows, old.live) == (25, 18)


def test_changes_made_meanwhile_are_made_again(catalog: Catalog) -> None:
    held = Held(
        catalog, order=lambda now: now.rows_of(names_of(20)[7:] + names_of(5, "b"))[0][::-1]
    )
    assert held.compaction.running
    catalog.update("a10", price=5.0)
    catalog.update_many(["a11", "a0", "b1"], {"price": [6, 7, 8]})
    vectors = vectors_of(2, 3.0)
    catalog.upsert(items_of(["a12", "c0"], 9.0), vectors)
    vectors[:] = np.nan  # the caller's to write to again
    catalog.delete(["a13", "c0", "b0"])
    before = catalog.snapshot()
    now = held.finish()
    assert not held.compaction.running
    assert (now.live, now.sequence, before.generation) == (before.live, before.sequence, 0)
    assert now.rows == 20  # 18, and two that were upserted
    for name in [*names_of(20), *names_of(5, "b"), "c0"]:
        old_row, new_row = before.row(name), now.row(name)
        assert (old_row is None) == (new_row is None)
        if old_row is not None and new_row is not None:
            assert now.record(new_row) == before.record(old_row)
            np.testing.assert_array_equal(
                now.vectors_of(np.array([new_row])), before.vectors_of(np.array([old_row]))
            )
    assert now.row("b4") == 0


def torn(now: Snapshot, names: list[str]) -> bool:
    """Whether price and tags, which always change together, do not go together."""
    rows, unknown = now.rows_of(names)
    records = [now.record(row) for row in rows.tolist()]
    plain = {r["id"] for r in records if r["tags"] == ("a",)}
    changed = {r["id"] for r in records if r["tags"] == (f"{r['price']:g}",)}
    found = now.ids(rows_of(now.eligible(parse_where({"tags": "a"})).bitmap))
    return unknown > 0 or plain | changed != set(names) or set(found) != plain


def test_readers_and_writers_go_on(catalog: Catalog) -> None:
    done, wrong = threading.Event(), []
    names = names_of(20)[7:]

    def read() -> None:
        while not done.is_set():
            now = catalog.snapshot()
            if torn(now, names):
                wrong.append(now)

    def write() -> None:
        step = 1
        while not done.is_set():
            step += 1
            name = names[step % len(names)]
            if step % 3:
                catalog.update(name, price=float(step), tags=[f"{step:g}"])
            else:
                catalog.upsert(items_of([name], float(step)), vectors_of(1))

    threads = [threading.Thread(target=target) for target in (read, read, write)]
    for thread in threads:
        thread.start()
    for generation in range(1, 15):
        assert Compaction(catalog).run().generation == generation
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert catalog.snapshot().live == 18


def test_a_watcher_sees_the_generation_change(catalog: Catalog) -> None:
    seen: list[tuple[int, int]] = []
    catalog.watch(lambda now: seen.append((now.generation, now.rows)))
    held = Held(catalog)
    catalog.upsert(items_of(["c0"]), vectors_of(1))
    held.finish()
    catalog.upsert(items_of(["c1"]), vectors_of(1))
    assert seen == [(0, 26), (1, 19), (1, 20)]


def test_only_one_at_a_time(catalog: Catalog) -> None:
    held = Held(catalog)
    with pytest.raises(InvalidInput, match="already"):
        Compaction(catalog).run()
    held.finish()
    assert Compaction(catalog).start().wait().generation == 2


def test_too_many_changes_end_it_and_the_catalogue_stays(catalog: Catalog) -> None:
    held = Held(catalog, max_changes=3)
    catalog.update_many(["a10", "a11", "a12"], {"price": [1, 2, 3]})
    catalog.update("a13", price=4)
    with pytest.raises(LimitExceeded, match="more than 3 items"):
        held.finish()
    assert catalog.snapshot().generation == 0
    assert catalog.snapshot().record(13)["price"] == 4.0
    assert Compaction(catalog).run().generation == 1


def nothing_left(catalog: Catalog) -> Compaction:
    catalog.delete(names_of(20) + names_of(5, "b"))
    return Compaction(catalog)


def no_order(catalog: Catalog) -> Compaction:
    return Compaction(catalog, order=lambda now: np.arange(now.rows))


@pytest.mark.parametrize("make", [nothing_left, no_order])
@pytest.mark.parametrize("started", [True, False])
def test_what_goes_wrong_is_raised_where_it_is_waited_for(
    catalog: Catalog, make: Callable[[Catalog], Compaction], started: bool
) -> None:
    compaction = make(catalog)
    with pytest.raises(ValueRangeError):
        compaction.wait() if started else compaction.run()
    catalog.upsert(items_of(["c0"]), vectors_of(1))
    assert Compaction(catalog).run().generation == 1


def test_all_items_may_go_meanwhile(catalog: Catalog) -> None:
    held = Held(catalog)
    catalog.delete(names_of(20) + names_of(5, "b"))
    now = held.finish()
    assert (now.live, now.rows, now.eligible().count) == (0, 18, 0)


def test_a_forked_child_may_compact_while_the_parent_does(catalog: Catalog) -> None:
    held = Held(catalog)
    child = os.fork()
    if child == 0:
        ok = Compaction(catalog).run().generation == 1 and catalog.update("a10", price=1) == 3
        os._exit(0 if ok else 1)
    _, status = os.waitpid(child, 0)
    assert held.finish().generation == 1
    assert status == 0


def test_wear_is_told_and_judged(catalog: Catalog) -> None:
    assert wear(catalog.snapshot()) == Wear(rows=25, live=18, later=5)
    assert wear(catalog.snapshot()).advice == "28% of the rows are dead: compact"
    assert wear(Compaction(catalog).run()) == Wear(rows=18, live=18, later=0)
    assert wear(catalog.snapshot()).advice is None
    catalog.upsert(items_of(names_of(6, "d")), vectors_of(6))
    assert wear(catalog.snapshot()).advice == "25% of the rows came after the base: compact"
    assert Wear(rows=5, live=0, later=0).advice is None


def test_a_log_gives_what_came_after_a_number() -> None:
    log = ChangeLog(7, limit=4)
    changes = [Delete(["a"]), Delete(["b", "c"]), Delete([])]
    for change in changes:
        log.append(change)
    assert log.items == 3
    assert log.since(7) == changes
    assert (log.since(8), log.items) == (changes[1:], 2)  # what was taken is forgotten
    log.append(Delete(["d", "e"]))
    assert [len(log.since(sequence)) for sequence in (8, 9, 10, 11)] == [3, 2, 1, 0]
    assert log.items == 0
    log.append(Delete(["f", "g", "h", "i", "j"]))
    with pytest.raises(LimitExceeded, match="more than 4"):
        log.since(11)
    log.append(Delete(["f"]))
    with pytest.raises(LimitExceeded):
        log.since(11)
