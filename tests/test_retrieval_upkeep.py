"""Upkeep compacts a worn catalogue in the background, one compaction at a time."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.errors import ValueRangeError
from edgerec.retrieval import upkeep as module
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target
from edgerec.retrieval.upkeep import Upkeep

DIM, ROWS = 8, 2000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_ROWS", 100)


def vectors_of(rows: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, DIM)).astype(np.float32)


def items_of(prefix: str, rows: int) -> Items:
    return Items(tuple(f"{prefix}{i}" for i in range(rows)), {}, ())


def retriever_of(kind: str = "lists") -> Retriever:
    catalog = Catalog(items_of("a", ROWS), vectors_of(ROWS), metric="l2")
    return Retriever.build(catalog, Target(k=10, recall=0.8, index=kind))


def waited(upkeep: Upkeep) -> None:
    compaction = upkeep._running.get().compaction
    assert compaction is not None
    compaction.wait()


def test_a_catalogue_without_wear_is_left_alone() -> None:
    retriever = retriever_of()
    upkeep, generation = Upkeep(retriever), retriever.catalog.snapshot().generation
    retriever.catalog.delete([f"a{i}" for i in range(ROWS // 10)])
    upkeep.check()
    assert upkeep._running.get().compaction is None
    assert upkeep.advice is None
    info = upkeep.info()
    assert (info["generation"], info["running"], info["failure"]) == (generation, False, None)
    assert info["dead_share"] == 0.1


@pytest.mark.parametrize("kind", ["exact", "sketch", "lists"])
def test_dead_rows_are_compacted_away_behind_the_searches(kind: str) -> None:
    retriever = retriever_of(kind)
    upkeep = Upkeep(retriever)
    before = retriever.catalog.snapshot()
    retriever.catalog.delete([f"a{i}" for i in range(ROWS // 2)])
    assert "dead" in (upkeep.advice or "")
    upkeep.check()
    waited(upkeep)
    now = retriever.catalog.snapshot()
    assert now.generation == before.generation + 1
    assert now.rows == now.live == ROWS // 2
    assert retriever.index_for(now, now.eligible()).kind == kind
    for name in ("a1000", "a1999"):
        query = vectors_of(ROWS)[int(name[1:])]
        assert now.ids(retriever.search(now, query, 1).rows) == (name,)
    assert upkeep.info()["dead_share"] == 0


def test_lists_that_have_drifted_are_trained_anew() -> None:
    retriever = retriever_of()
    upkeep = Upkeep(retriever)
    retriever.catalog.upsert(items_of("b", ROWS), vectors_of(ROWS, seed=1) + 20)
    upkeep.check()
    waited(upkeep)
    drift = retriever.drift()
    assert drift is not None
    assert drift.ratio == pytest.approx(1)
    assert upkeep.advice is None


def test_many_who_check_start_one_compaction() -> None:
    retriever = retriever_of()
    upkeep = Upkeep(retriever)
    generation = retriever.catalog.snapshot().generation
    retriever.catalog.delete([f"a{i}" for i in range(ROWS // 2)])
    threads = [threading.Thread(target=upkeep.check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waited(upkeep)
    upkeep.check()
    assert retriever.catalog.snapshot().generation == generation + 1


def test_compact_waits_for_the_one_that_runs() -> None:
    retriever = retriever_of()
    upkeep = Upkeep(retriever)
    generation = retriever.catalog.snapshot().generation
    retriever.catalog.delete([f"a{i}" for i in range(ROWS // 2)])
    assert upkeep.compact().rows == ROWS // 2
    assert upkeep.compact().generation == generation + 2


def test_a_failure_is_told_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    retriever = retriever_of()
    upkeep = Upkeep(retriever)
    retriever.catalog.delete([f"a{i}" for i in range(ROWS // 2)])

    def failing(**_: object) -> Any:
        raise ValueRangeError("no room")

    monkeypatch.setattr(retriever.catalog, "renew", lambda *_, **__: failing())
    upkeep.check()
    with pytest.raises(ValueRangeError, match="no room"):
        waited(upkeep)
    upkeep.check()  # notices, and waits for a minute
    assert upkeep.info()["failure"] == "no room"
    assert "no room" in caplog.text
    assert upkeep._running.get().compaction is None
    monkeypatch.undo()
    monkeypatch.setattr(module, "LEAST_ROWS", 100)
    monkeypatch.setattr(upkeep._running.get(), "not_before", 0.0)
    upkeep.check()
    waited(upkeep)
    assert retriever.catalog.snapshot().rows == ROWS // 2


def test_a_forked_child_has_an_upkeep_of_its_own() -> None:
    retriever = retriever_of()
    upkeep = Upkeep(retriever)
    retriever.catalog.delete([f"a{i}" for i in range(ROWS // 2)])
    upkeep._running.get().lock.acquire()
    child = os.fork()
    if not child:
        upkeep.check()
        waited(upkeep)
        os._exit(0 if retriever.catalog.snapshot().rows == ROWS // 2 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert retriever.catalog.snapshot().rows == ROWS
