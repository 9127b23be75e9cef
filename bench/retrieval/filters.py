"""Figure 3: search under filters that let half to a ten-thousandth of the items through."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure
from bench.retrieval import ours, sets, tuning
from bench.retrieval.building import index_of
from bench.retrieval.chosen import catalog_of, numbers_of
from bench.retrieval.peer import Rows, Vectors
from bench.retrieval.peers import PEERS
from bench.retrieval.run import Outcome, Run
from bench.retrieval.timing import turns
from edgerec.catalog.bitmaps import Eligible, pack
from edgerec.retrieval.peers.faiss import faiss_alone
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target

__all__ = ["filters"]

K, TURN, ASKED, ANCHORS = 10, 10, 200, 8
SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
FAISS_GOALS = {0.5: 2.0, 0.1: 7.0, 0.01: 8.0}
SLOWER_GOAL, RECALL_GOAL = 1.2, 0.95
CALLBACK_SHARES = (0.5, 0.1, 0.01)
"""hnswlib's filter is a Python function; beyond these it takes seconds a query."""

PLAIN, CHOSEN = " unfiltered", "edgerec, as chosen"

Mask = NDArray[np.bool_]
Search = Callable[[Vectors], Rows]


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """Which items may be returned, and the truth among them."""

    name: str
    share: float
    eligible: Eligible
    mask: Mask
    truth: Rows


def filters(run: Run, *, name: str = "clustered") -> Outcome:
    """Measure every share, at random and in clumps, on one set."""
    data = sets.load(name)
    items, queries = data.read(), np.array(data.queries[:ASKED])
    mine = dict(_ours(data))
    flat, graph = _faiss_sq8(items), _hnswlib(data)
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for case in _cases(items, queries, run.rng()):
        searches = {n: search(case.mask) for n, search in mine.items()}
        searches |= {f"{n}{PLAIN}": search(None) for n, search in mine.items()}
        searches["faiss sq8 + bitmap"] = flat(case)
        if graph is not None and case.share in CALLBACK_SHARES:
            searches["hnswlib filter"] = graph(case)
        found = _measured(searches, queries, case, run)
        details[case.name] = found
        figures += _figures(case, found, list(mine))
    del mine, flat, graph
    gc.collect()
    return Outcome(figures, details)


def _cases(items: Vectors, queries: Vectors, rng: np.random.Generator) -> Iterator[Filter]:
    n = len(items)
    anchors = items[rng.integers(n, size=ANCHORS)]
    nearness = (items @ anchors.T).max(axis=1)
    for kind, order in ("random", rng.random(n)), ("clustered", -nearness):
        ranks = np.empty(n, np.int64)
        ranks[np.argsort(order, kind="stable")] = np.arange(n)
        for share in SHARES:
            mask = ranks < max(1, round(share * n))
            count = int(mask.sum())
            rows = np.flatnonzero(mask)
            truth = rows[sets.best_rows(items[rows], queries)[:, :K]]
            name = f"{kind} {share:.2%}"
            yield Filter(name, share, Eligible(pack(mask), count, n), mask, truth)


def _ours(data: sets.DataSet) -> Iterator[tuple[str, Callable[[Mask | None], Search]]]:
    """Yield ways to search under a mask, each index at the setting that has the recall without."""
    for b in ours.built(data):
        setting = tuning.Tuning(b.searcher, data).cheapest(K, RECALL_GOAL)
        if setting is not None:
            yield b.name, partial(_under, b.searcher, setting)
    yield CHOSEN, _as_chosen(data)


def _as_chosen(data: sets.DataSet) -> Callable[[Mask | None], Search]:
    """Give what a user gets: index and, by the filter's share, the exact scan, as measured."""
    target = Target(K, RECALL_GOAL, exact_enough_us=0.0)
    retriever = Retriever.build(catalog_of(data), target, queries=np.array(data.queries))
    now = retriever.catalog.snapshot()
    numbers = numbers_of(now)

    def under(mask: Mask | None) -> Search:
        let = now.eligible()
        if mask is not None:
            let = Eligible(pack(mask[numbers]), int(mask.sum()), mask.size)
        return lambda query: numbers[retriever.search(now, query, K, eligible=let).rows]

    return under


def _under(mine: ours.Mine, setting: tuning.Setting, mask: Mask | None) -> Search:
    eligible = None if mask is None else mine.eligible(mask)
    search, numbers = mine.index_at(setting.effort, setting.width, K).search, mine.numbers
    return lambda query: numbers[search(query, K, eligible=eligible).rows]


def _faiss_sq8(items: Vectors) -> Callable[[Filter], Search]:
    faiss = faiss_alone()
    qtype, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexScalarQuantizer(items.shape[1], qtype, metric)
    index.train(items[:100_000])
    index.add(items)

    def under(case: Filter) -> Search:
        selector = faiss.IDSelectorBitmap(case.eligible.bitmap)
        parameters = faiss.SearchParameters(sel=selector)
        return lambda query: index.search(query[None], K, params=parameters)[1][0]

    return under


def _hnswlib(data: sets.DataSet) -> Callable[[Filter], Search] | None:
    """Give hnswlib at its unfiltered setting, None where it is not built."""
    peer = PEERS.get("hnswlib")
    if peer is None:
        return None
    place = index_of(data, peer)
    if not place.finished:
        return None
    searcher: Any = peer.load(place.path, data.items)
    setting = tuning.Tuning(searcher, data).cheapest(K, RECALL_GOAL)
    if setting is None:
        return None
    setting.turned(searcher)

    def under(case: Filter) -> Search:
        allowed = case.mask.tolist().__getitem__
        query = searcher.index.knn_query
        return lambda x: query(x, K, num_threads=1, filter=allowed)[0][0]

    return under


def _measured(
    searches: Mapping[str, Search], queries: Vectors, case: Filter, run: Run
) -> dict[str, dict[str, float]]:
    """Time all in turns; recall of those that were filtered, and the fewest rows returned."""

    def turn(search: Search, number: int) -> list[Callable[[], object]]:
        places = (number * TURN + np.arange(TURN)) % len(queries)
        return [partial(search, queries[place]) for place in places.tolist()]

    contenders = {n: partial(turn, search) for n, search in searches.items()}
    times = turns(contenders, rounds=run.rounds, rng=run.rng(), flush=run.flush, clock=run.clock)
    measured = {}
    for name, search in searches.items():
        few = min(len(queries), 50)
        found = [search(query) for query in queries[:few]]
        measured[name] = {
            "median_us": times[name].median,
            "p99_us": times[name].p99,
            "recall": tuning.recall(found, case.truth[:few], case.truth.shape[1]),
            "fewest": float(min(len(rows) for rows in found)),
        }
    return measured


def _figures(
    case: Filter, found: Mapping[str, Mapping[str, float]], mine: list[str]
) -> Iterator[Figure]:
    """The quickest of ours with the recall, against FAISS and the quickest without a filter."""
    holding = [n for n in mine if found[n]["recall"] >= RECALL_GOAL] or mine
    best = min(holding, key=lambda n: found[n]["median_us"])
    us, label = found[best]["median_us"], f"filter {case.name}"
    faiss = found["faiss sq8 + bitmap"]["median_us"]
    goal, note = FAISS_GOALS.get(case.share), f"{best} {us:.4g} us, FAISS {faiss:.4g} us"
    yield Figure(f"{label}: FAISS SQ8", faiss / us, "x", ">=", goal, note)
    plain = min(found[n + PLAIN]["median_us"] for n in mine)
    yield Figure(f"{label}: unfiltered", us / plain, "x", "<=", SLOWER_GOAL, f"{plain:.4g} us")
    yield Figure(f"{label}: recall", found[best]["recall"], wanted=RECALL_GOAL)
    wanted = float(min(K, case.eligible.count))
    yield Figure(f"{label}: rows", found[best]["fewest"], "", "==", wanted)
    user = found[CHOSEN]
    yield Figure(f"{label}: as chosen", user["median_us"], "us", note=f"{user['recall']:.3f}")
    if "hnswlib filter" in found:
        peer = found["hnswlib filter"]
        yield Figure(f"{label}: hnswlib", peer["median_us"] / us, "x", note=f"{peer['recall']:.3f}")
