"""What a caller asks, checked, and the request that grows out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.deadline import Deadline, Stages
from edgerec.engine.serving import Serving
from edgerec.engine.visitors import Visitor
from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.features.pairs import HistoryProfile
from edgerec.features.text import words
from edgerec.retrieval.index import MAX_K, check_k
from edgerec.values.results import Results
from edgerec.values.where import Condition, Where, parse_where

__all__ = ["Asking", "Request", "begin", "check_candidates", "check_query"]

MAX_QUERY_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Asking:
    """The options that every question takes; see :class:`edgerec.engine.engine.Engine`."""

    user: str | None = None
    history: Sequence[str] | None = None
    k: int = 10
    where: Where | None = None
    deadline_ms: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One request on its way: who asks, and what has been noticed so far."""

    snapshot: Snapshot
    k: int
    condition: Condition | None
    visitor: Visitor
    history: HistoryProfile
    deadline: Deadline
    stages: Stages
    unknown: dict[str, int]
    cut: list[str] = field(default_factory=list)
    fallback: list[str] = field(default_factory=list)

    def results(self, ids: Sequence[str], scores: NDArray[np.float32], version: str) -> Results:
        """The answer, with everything that was noticed."""
        return Results(
            ids=tuple(ids),
            scores=scores,
            version=version,
            sequence=self.snapshot.sequence,
            stages_us=dict(self.stages.us),
            cut=tuple(self.cut),
            fallback=tuple(self.fallback),
            unknown=dict(self.unknown),
            cold=not len(self.history),
        )


def begin(serving: Serving, asking: Asking) -> Request:
    """Check the options and find out who asks, in the catalogue as it is now."""
    k, condition = check_k(asking.k), parse_where(asking.where)
    deadline, stages, snapshot = Deadline(asking.deadline_ms), Stages(), serving.catalog.snapshot()
    with stages.stage("features"):
        visitor = serving.visitors.find(
            snapshot, asking.user, asking.history, limit=serving.spec.history_length
        )
        history = serving.profile(snapshot, visitor.rows)
    unknown = dict(visitor.unknown)
    return Request(snapshot, k, condition, visitor, history, deadline, stages, unknown)


def check_query(query: str) -> str:
    """``query`` itself.

    Raises
    ------
    InvalidInput
        Not text, or without a word.
    LimitExceeded
        Longer than 1000 characters.
    """
    given: object = query
    if not isinstance(given, str):
        raise InvalidInput(f"a query is text, got {type(given).__name__}: {given!r}")
    if len(given) > MAX_QUERY_CHARACTERS:
        raise LimitExceeded(
            f"a query has at most {MAX_QUERY_CHARACTERS} characters, got {len(given)}"
        )
    if not words(given):
        raise InvalidInput(
            f"the query {given!r} holds no word; use recommend for visitors who typed nothing"
        )
    return given


def check_candidates(candidates: Sequence[str]) -> list[str]:
    """Candidate ids in the caller's order, each once.

    Raises
    ------
    InvalidInput
        Not a list of ids.
    LimitExceeded
        None, or more than 10000.
    """
    given: object = candidates
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise InvalidInput(f"candidates is a list of item ids, got {given!r}")
    if not 1 <= len(given) <= MAX_K:
        raise LimitExceeded(f"rank takes 1 to {MAX_K} candidates, got {len(given)}")
    for item in given:
        if not isinstance(item, str):
            raise InvalidInput(f"an item id is text, got {type(item).__name__}: {item!r}")
    return list(dict.fromkeys(given))
