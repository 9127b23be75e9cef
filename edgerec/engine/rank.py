"""Rank somebody else's candidates: looked up by id, or described by the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.cascade import (
    MAX_K,
    Candidates,
    Pace,
    Request,
    check_k,
    query_vector,
    rank_candidates,
    user_vector,
)
from edgerec.engine.deadline import Deadline, Stages
from edgerec.engine.parts import Parts, encode_items, with_defaults
from edgerec.engine.search import check_query
from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.features.items import item_dense
from edgerec.kernels.topk import top_k
from edgerec.values.results import Results

__all__ = ["rank"]

REQUEST_KEYS = frozenset({"user", "history", "query"})


def rank(
    parts: Parts,
    pace: Pace,
    request: Mapping[str, Any],
    candidates: Sequence[str],
    *,
    features: Mapping[str, Mapping[str, Any]] | None,
    k: int | None,
    deadline_ms: float | None,
) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.rank`."""
    wanted = _checked(request, candidates)
    deadline, stages, snapshot = Deadline(deadline_ms), Stages(), parts.catalog.snapshot()
    given = {name: record for name, record in (features or {}).items() if name in set(wanted)}
    with stages.stage("features"):
        visitor = parts.visitors.find(
            snapshot,
            request.get("user"),
            request.get("history"),
            limit=parts.spec.history_length,
        )
        profile = parts.profile(snapshot, visitor.rows)
        ids, described = _described(parts, snapshot, wanted, given)
    unknown = dict(visitor.unknown) if {"user", "history"} & set(request) else {}
    if len(wanted) > len(ids):
        unknown["candidates"] = len(wanted) - len(ids)
    with stages.stage("encode"):
        who = user_vector(parts, profile)
        query = request.get("query")
        typed = None if query is None else query_vector(parts, query)
    limit = len(wanted) if k is None else check_k(k)
    state = Request(snapshot, limit, profile, typed, deadline, stages, unknown=unknown)
    if not ids:
        return state.results(parts, (), np.zeros(0, np.float32))
    deadline.require("the ranker")
    with stages.stage("rank"):
        scores = rank_candidates(parts, state, who, described, pace)
        best, scores = top_k(scores, min(limit, len(ids)))
    return state.results(parts, [ids[place] for place in best], scores)


def _checked(request: Mapping[str, Any], candidates: Sequence[str]) -> list[str]:
    asked: object = request
    if not isinstance(asked, Mapping) or not set(asked) <= REQUEST_KEYS:
        raise InvalidInput(
            f"a request is a mapping with some of {', '.join(sorted(REQUEST_KEYS))}, "
            f"got {request!r}"
        )
    if request.get("query") is not None:
        check_query(request["query"])
    if isinstance(candidates, str) or not isinstance(candidates, Sequence):
        raise InvalidInput(f"candidates is a list of item ids, got {candidates!r}")
    if not 1 <= len(candidates) <= MAX_K:
        raise LimitExceeded(f"rank takes 1 to {MAX_K} candidates, got {len(candidates)}")
    return list(dict.fromkeys(candidates))


def _described(
    parts: Parts, snapshot: Snapshot, wanted: list[str], given: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], Candidates]:
    """The candidates that can be ranked, in the caller's order, and their features."""
    looked_up = [i for i in wanted if i not in given and snapshot.row(i) is not None]
    rows, _ = snapshot.rows_of(looked_up)
    found = Candidates.of(parts, snapshot, rows)
    if not given:
        return looked_up, found
    records = [{"id": name, **record} for name, record in given.items()]
    items = Items.from_records(with_defaults(records, parts.settings), snapshot.schema)
    both = _joined(found, _from_items(parts, snapshot, items))
    ids = [*looked_up, *items.ids]
    places = {name: place for place, name in enumerate(ids)}
    order = np.array([places[name] for name in wanted if name in places])
    return [ids[place] for place in order], _taken(both, order)


def _from_items(parts: Parts, snapshot: Snapshot, items: Items) -> Candidates:
    return Candidates(
        encode_items(parts.sessions["item_tower"], parts.spec, items),
        item_dense(parts.spec, items),
        snapshot.codes("category", _words(items, "category")),
        snapshot.codes("brand", _words(items, "brand")),
        np.asarray(items.columns["price"], np.float64),
    )


def _words(items: Items, name: str) -> tuple[str, ...]:
    return tuple(str(word) for word in items.columns[name])


def _joined(first: Candidates, second: Candidates) -> Candidates:
    return Candidates(
        np.concatenate([first.vectors, second.vectors]),
        np.concatenate([first.dense, second.dense]),
        np.concatenate([first.categories, second.categories]),
        np.concatenate([first.brands, second.brands]),
        np.concatenate([first.prices, second.prices]),
    )


def _taken(candidates: Candidates, order: NDArray[np.int64]) -> Candidates:
    return Candidates(
        candidates.vectors[order],
        candidates.dense[order],
        candidates.categories[order],
        candidates.brands[order],
        candidates.prices[order],
    )
