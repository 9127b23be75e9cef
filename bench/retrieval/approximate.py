"""Figure 2: recall and latency of the approximate search, beside every peer that is built.

Every contender gets the cheapest setting at which it reaches the recall on the set's queries; then
all of them, at all recalls, take turns.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bench.figures import Figure
from bench.retrieval import ours, sets, tuning
from bench.retrieval.building import index_of, suited
from bench.retrieval.cache import entry
from bench.retrieval.chosen import chosen
from bench.retrieval.peer import Searcher
from bench.retrieval.peers import PEERS
from bench.retrieval.run import Outcome, Run
from bench.retrieval.timing import Times, turns
from bench.retrieval.tuning import Setting

__all__ = ["approximate"]

GOALS = {(10, 0.9): 0.6, (10, 0.95): 0.7, (10, 0.99): 0.6, (100, 0.95): 0.7}
"""By k and recall: our time as a share of the best peer's, at most."""
BATCH = 256
BATCH_GOAL, BUILD_GOAL, BYTES_GOAL, SKETCH_GOAL = 1.2, 1 / 8, 170, 1 / 5
GRAPHS = {name for name in PEERS if "ivf" not in name and name != "scann"}
TURN = 100
"""Queries a turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """An index in memory, what it cost, and its setting for each k and recall."""

    name: str
    searcher: Searcher
    build_cpu_s: float
    bytes_an_item: float
    settings: Mapping[tuple[int, float], Setting | None]
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """What one contender needs for one recall."""

    contender: str
    k: int
    wanted: float
    setting: Setting
    median_us: float
    p99_us: float
    spread_us: str
    batch_us: float
    """A query, in batches."""


def approximate(name: str, run: Run) -> Outcome:
    """Measure one set."""
    data = sets.load(name)
    contenders = [*_peers(data), *_ours(data), _by_strategy(data)]
    points = _points(contenders, data, run)
    table = [
        {
            "contender": c.name,
            "build_cpu_s": c.build_cpu_s,
            "bytes_an_item": c.bytes_an_item,
            "points": [asdict(p) for p in points if p.contender == c.name],
        }
        for c in contenders
    ]
    figures = list(_figures(name, contenders, points))
    there, every = {c.name for c in contenders if not c.mine}, suited(data)
    note = f"not built: {', '.join(set(every) - there)}" if len(there) < len(every) else ""
    figures.append(Figure(f"{name}: peers", len(there), "", "==", len(every), note))
    contenders.clear()
    gc.collect()
    return Outcome(figures, {"table": table})


def _peers(data: sets.DataSet) -> Iterator[Contender]:
    for peer in suited(data).values():
        place = index_of(data, peer)
        if not place.finished:
            print(f"{data.name}: {peer.name} is not built", file=sys.stderr)
            continue
        searcher, record = peer.load(place.path, data.items), place.record
        settings = _cached_settings(searcher, data, place.path.name)
        build, size = record["build_cpu_s"], record["bytes_an_item"]
        yield Contender(peer.name, searcher, build, size, settings)


def _ours(data: sets.DataSet) -> Iterator[Contender]:
    for b in ours.built(data):
        find = tuning.Tuning(b.searcher, data).cheapest
        settings = {goal: find(*goal) for goal in GOALS}
        yield Contender(b.name, b.searcher, b.build_cpu_s, b.hot_bytes_an_item, settings, True)


def _by_strategy(data: sets.DataSet) -> Contender:
    found = chosen(data, GOALS)
    print(*(f"{data.name}: {reason}" for reason in found.reasons), sep="\n", file=sys.stderr)
    size = found.hot_bytes_an_item
    return Contender("edgerec, as chosen", found, found.build_cpu_s, size, found.settings, True)


def _cached_settings(
    searcher: Searcher, data: sets.DataSet, index: str
) -> dict[tuple[int, float], Setting | None]:
    find = tuning.Tuning(searcher, data).cheapest
    settings = {}
    for k, wanted in GOALS:
        knobs = asdict(searcher.knobs)
        content = [data.key, index, k, wanted, tuning.REVISION, knobs]
        place = entry("settings", f"{data.name}-{index.rsplit('-', 1)[0]}", content)
        if not place.finished:
            found = find(k, wanted)
            place.finish({"setting": found and asdict(found)})
        known = place.record["setting"]
        settings[k, wanted] = known and Setting(**known)
    return settings


def _points(contenders: list[Contender], data: sets.DataSet, run: Run) -> list[Point]:
    """Let everybody take turns, at every recall: one query after the other, then in batches."""
    asked = {
        (c.name, k, wanted): (c.searcher, setting)
        for c in contenders
        for (k, wanted), setting in c.settings.items()
        if setting is not None
    }
    queries = np.array(data.queries)
    singles = _timed({key: _one_by_one(*found, queries) for key, found in asked.items()}, run)
    few = replace(run, rounds=max(5, run.rounds // 2))
    batches = _timed({key: _together(*found, queries) for key, found in asked.items()}, few)
    size = min(BATCH, len(queries))
    return [
        Point(*key, setting, t.median, t.p99, t.spread, batches[key].median / size)
        for key, (_, setting) in asked.items()
        for t in [singles[key]]
    ]


Key = tuple[str, int, float]
Turn = Callable[[int], list[Callable[[], object]]]


def _timed(contenders: Mapping[Key, Turn], run: Run) -> dict[Key, Times]:
    named = {repr(key): turn for key, turn in contenders.items()}
    times = turns(named, rounds=run.rounds, rng=run.rng(), flush=run.flush, clock=run.clock)
    return {key: times[repr(key)] for key in contenders}


def _one_by_one(searcher: Searcher, setting: Setting, queries: Any) -> Turn:
    def turn(number: int) -> list[Callable[[], object]]:
        one = setting.turned(searcher).one
        places = (number * TURN + np.arange(TURN)) % len(queries)
        return [partial(one, queries[place]) for place in places.tolist()]

    return turn


def _together(searcher: Searcher, setting: Setting, queries: Any) -> Turn:
    def turn(number: int) -> list[Callable[[], object]]:
        many = setting.turned(searcher).many
        places = (number * BATCH + np.arange(BATCH)) % len(queries)
        batch = np.ascontiguousarray(queries[places[: len(queries)]])
        return [partial(many, batch)]

    return turn


def _figures(name: str, contenders: list[Contender], points: list[Point]) -> Iterator[Figure]:
    mine = {c.name for c in contenders if c.mine}
    for (k, wanted), goal in GOALS.items():
        here = [p for p in points if (p.k, p.wanted) == (k, wanted)]
        label = f"{name}: recall@{k} {wanted}"
        our = [p for p in here if p.contender in mine]
        peers = [p for p in here if p.contender not in mine]
        if not our or not peers:
            who = "edgerec" if not our else "no peer"
            yield Figure(f"{label} reached", float(bool(our)), wanted=1, note=f"{who} alone")
            continue
        yield from _ratios(label, our, peers, goal)
    yield from _costs(name, contenders, points)


def _ratios(label: str, our: list[Point], peers: list[Point], goal: float) -> Iterator[Figure]:
    """Median, 99th percentile, and queries a second in batches, ours over the best peer's."""
    a, b = (min(who, key=lambda p: p.median_us) for who in (our, peers))
    note = f"{a.contender} {a.median_us:.4g} us, {b.contender} {b.median_us:.4g} us"
    yield Figure(f"{label} median", a.median_us / b.median_us, "x", "<=", goal, note)
    b = min(peers, key=lambda p: p.p99_us)
    note = f"{a.contender} {a.p99_us:.4g} us, {b.contender} {b.p99_us:.4g} us"
    yield Figure(f"{label} p99", a.p99_us / b.p99_us, "x", "<=", goal, note)
    a, b = (min(who, key=lambda p: p.batch_us) for who in (our, peers))
    note = f"{a.contender} {1e6 / a.batch_us:.4g}/s, {b.contender} {1e6 / b.batch_us:.4g}/s"
    yield Figure(f"{label} QPS of {BATCH}", b.batch_us / a.batch_us, "x", ">=", BATCH_GOAL, note)


def _costs(name: str, contenders: list[Contender], points: list[Point]) -> Iterator[Figure]:
    """Build beside the graph that answers quickest at 0.95, bytes, and the sketch's share."""
    lists = [c for c in contenders if c.mine and "lists" in c.name]
    at = [p for p in points if (p.k, p.wanted) == (10, 0.95)]
    graphs = [p for p in at if p.contender in GRAPHS]
    for c in lists:
        if graphs:
            best = min(graphs, key=lambda p: p.median_us).contender
            cost = next(g.build_cpu_s for g in contenders if g.name == best)
            note = f"{c.build_cpu_s:.3g} s, {best} {cost:.4g} s"
            share = c.build_cpu_s / cost
            yield Figure(f"{name}: {c.name} build", share, "x", "<=", BUILD_GOAL, note)
        yield Figure(f"{name}: {c.name} hot", c.bytes_an_item, "B/item", "<=", BYTES_GOAL)
    time_of = {p.contender: p.median_us for p in at}
    sketch, exact = time_of.get("edgerec sketch"), time_of.get("edgerec exact")
    if sketch and exact:
        note = f"{sketch:.4g} us, exact {exact:.4g} us"
        yield Figure(f"{name}: sketch at 0.95", sketch / exact, "x", "<=", SKETCH_GOAL, note)
