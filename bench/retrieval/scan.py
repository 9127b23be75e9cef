"""Figure 1: the exact int8 scan of a million rows, for one query and for several."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from bench.figures import Figure
from bench.retrieval.run import Outcome, Run
from bench.retrieval.scanners import PEERS, Search, Table, prepared
from bench.retrieval.stream import reader
from bench.retrieval.timing import Times, turns
from bench.retrieval.tuning import recall

__all__ = ["scan"]

ROWS = 1_000_000
PEER_GOALS = {64: 2.5, 128: 2.0, 256: 1.7}
READ_GOAL, FLAT_GOAL, MANY_GOAL, FAISS_GOAL = 0.85, 5.0, 1.8, 4.0
READ = "read in 4 streams"


def scan(dim: int, run: Run, *, rows: int = ROWS) -> Outcome:
    """Measure one dimension."""
    table = Table(rows, dim, seed=run.seed)
    searches = dict(prepared(table))
    _check(table, searches)
    read = partial(reader(), table.codes)
    label, figures, details = f"scan {rows:,} x {dim}", [], {}
    for queries in (1, 8, 64):
        times = _times(table, searches, queries, run, {READ: read} if queries == 1 else {})
        medians = {name: t.median for name, t in times.items()}
        found = _one(label, dim, medians) if queries == 1 else _many(label, queries, medians)
        figures += list(found)
        details[str(queries)] = {name: t.record for name, t in times.items()}
    searches.clear()
    gc.collect()
    return Outcome(figures, details)


def _check(table: Table, searches: Mapping[str, Search]) -> None:
    """Stop where a contender's answer is not as good as it must be."""
    truth = table.truth(table.queries[:8])
    for name, search in searches.items():
        least = PEERS[name].least if name in PEERS else 0.999
        for queries in (1, 8):
            found = recall(search(table.queries[:queries]), truth[:queries], truth.shape[1])
            if found < least:
                raise SystemExit(f"{name}: recall {found} of {queries} queries, wanted {least}")


def _times(
    table: Table,
    searches: Mapping[str, Search],
    queries: int,
    run: Run,
    more: Mapping[str, Callable[[], object]],
) -> dict[str, Times]:
    """One call a turn, since a table that was just read may stay in the cache."""

    def turn(search: Search) -> Callable[[int], list[Callable[[], object]]]:
        def calls(number: int) -> list[Callable[[], object]]:
            start = number * queries % len(table.queries)
            return [partial(search, table.queries[start : start + queries])]

        return calls

    contenders = {name: turn(search) for name, search in searches.items()}
    contenders |= {name: partial(_same, call) for name, call in more.items()}
    rounds = run.rounds * 2 if queries == 1 else max(5, run.rounds // 2)
    run = replace(run, rounds=rounds)
    return turns(contenders, rounds=rounds, rng=run.rng(), flush=run.flush, clock=run.clock)


def _same(call: Callable[[], object], number: int) -> list[Callable[[], object]]:
    del number
    return [call]


def _one(label: str, dim: int, us: Mapping[str, float]) -> Iterator[Figure]:
    label, mine = f"{label}, 1 query", us["edgerec"]
    note = f"{mine / 1000:.3g} ms, read {us[READ] / 1000:.3g} ms"
    yield Figure(f"{label}: share of the read", us[READ] / mine, "", ">=", READ_GOAL, note)
    yield _ratio(f"{label}: int8 peer", mine, _best(us, int8=True), PEER_GOALS[dim])
    yield _ratio(f"{label}: FlatIP", mine, ("faiss FlatIP", us["faiss FlatIP"]), FLAT_GOAL)


def _many(label: str, queries: int, us: Mapping[str, float]) -> Iterator[Figure]:
    label, mine = f"{label}, {queries} queries", us["edgerec"]
    yield _ratio(f"{label}: any peer", mine, _best(us, int8=None), MANY_GOAL)
    faiss = {name: t for name, t in us.items() if name.startswith("faiss QT")}
    yield _ratio(f"{label}: FAISS int8", mine, _best(faiss, int8=None), FAISS_GOAL)


def _best(us: Mapping[str, float], *, int8: bool | None) -> tuple[str, float]:
    peers = {n: t for n, t in us.items() if n in PEERS and int8 in (None, PEERS[n].int8)}
    name = min(peers, key=lambda n: peers[n])
    return name, peers[name]


def _ratio(label: str, mine: float, peer: tuple[str, float], goal: float) -> Figure:
    name, us = peer
    note = f"{mine / 1000:.4g} ms, {name} {us / 1000:.4g} ms"
    return Figure(label, us / mine, "x", ">=", goal, note)
