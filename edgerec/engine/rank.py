"""Rank somebody else's candidates: looked up by id, or described by the caller."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.asking import Asking, Request, begin, check_candidates, check_query
from edgerec.engine.candidates import Candidates
from edgerec.engine.cascade import rank_candidates
from edgerec.engine.changes import new_items
from edgerec.engine.serving import Serving
from edgerec.errors import InvalidInput
from edgerec.kernels.topk import top_k
from edgerec.values.results import Results

__all__ = ["rank"]

REQUEST_KEYS = frozenset({"user", "history", "query"})
Records = Mapping[str, Mapping[str, Any]]


def rank(
    serving: Serving,
    request: Mapping[str, Any],
    candidates: Sequence[str],
    *,
    features: Records | None,
    k: int | None,
    deadline_ms: float | None,
) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.rank`."""
    query = _check_request(request)
    wanted = check_candidates(candidates)
    asking = Asking(
        user=request.get("user"),
        history=request.get("history"),
        k=len(wanted) if k is None else k,
        deadline_ms=deadline_ms,
    )
    state = begin(serving, asking)
    with state.stages.stage("features"):
        described = _described(serving, state.snapshot, features, frozenset(wanted))
        ids, items = _known(serving, state.snapshot, wanted, described)
    if len(ids) < len(wanted):
        state.unknown["candidates"] = len(wanted) - len(ids)
    if not ids:
        return state.results((), np.zeros(0, np.float32), serving.version)
    state.deadline.require("the ranker")
    return _ranked(serving, state, ids, items, query)


def _ranked(
    serving: Serving, state: Request, ids: list[str], items: Candidates, query: str | None
) -> Results:
    with state.stages.stage("encode"):
        user = serving.user_vector(state.history)
        typed = None if query is None else serving.query_vector(query)
    affordable = max(1, serving.pace.affordable(state.deadline, len(ids)))
    if affordable < len(ids):
        state.cut.append(f"rank: {affordable} of {len(ids)} candidates")
        items = items.take(np.arange(affordable))
    with state.stages.stage("rank"):
        start = time.perf_counter_ns()
        scores = rank_candidates(serving, state, items, user=user, query=typed)
        serving.pace.learn(affordable, (time.perf_counter_ns() - start) / 1000)
        best, scores = top_k(scores, min(state.k, affordable))
    return state.results([ids[place] for place in best], scores, serving.version)


def _check_request(request: Mapping[str, Any]) -> str | None:
    """The query of a request that can be used."""
    asked: object = request
    if not isinstance(asked, Mapping) or not set(asked) <= REQUEST_KEYS:
        raise InvalidInput(
            f"a request is a mapping with some of {', '.join(sorted(REQUEST_KEYS))}, "
            f"got {request!r}"
        )
    query = asked.get("query")
    return None if query is None else check_query(query)


def _described(
    serving: Serving, snapshot: Snapshot, features: Records | None, wanted: frozenset[str]
) -> Items | None:
    """The candidates that the caller describes."""
    given: object = {} if features is None else features
    if not isinstance(given, Mapping):
        raise InvalidInput(f"features maps item ids to records, got {features!r}")
    records = []
    for name, record in given.items():
        if not isinstance(record, Mapping) or record.get("id", name) != name:
            raise InvalidInput(f"features[{name!r}] is a record of that item, got {record!r}")
        if name in wanted:
            records.append({**record, "id": name})
    return new_items(serving, snapshot, records) if records else None


def _known(
    serving: Serving, snapshot: Snapshot, wanted: list[str], described: Items | None
) -> tuple[list[str], Candidates]:
    """The candidates that can be ranked, in the caller's order; a description wins."""
    given = set() if described is None else set(described.ids)
    rows, _ = snapshot.rows_of([name for name in wanted if name not in given])
    ids, items = list(snapshot.ids(rows)), Candidates.of_rows(serving.spec, snapshot, rows)
    if described is None:
        return ids, items
    items = items.joined(Candidates.of_items(serving, snapshot, described))
    places = {name: place for place, name in enumerate([*ids, *described.ids])}
    order = [name for name in wanted if name in places]
    return order, items.take(np.array([places[name] for name in order], np.int64))
