"""Search a catalogue by what was typed, for whoever typed it."""

from __future__ import annotations

from collections.abc import Sequence

from edgerec.engine.cascade import Pace, Request, answer, check_k, query_vector, user_vector
from edgerec.engine.deadline import Deadline, Stages
from edgerec.engine.parts import Parts
from edgerec.errors import InvalidInput, LimitExceeded
from edgerec.features.text import unknown_words, words
from edgerec.values.results import Results
from edgerec.values.where import Where, parse_where

__all__ = ["check_query", "search"]

MAX_QUERY_CHARACTERS = 1000


def search(
    parts: Parts,
    pace: Pace,
    query: str,
    *,
    user: str | None,
    history: Sequence[str] | None,
    k: int,
    where: Where | None,
    deadline_ms: float | None,
) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.search`."""
    k, condition = check_k(k), parse_where(where)
    deadline, stages, snapshot = Deadline(deadline_ms), Stages(), parts.catalog.snapshot()
    with stages.stage("features"):
        check_query(query)
        visitor = parts.visitors.find(snapshot, user, history, limit=parts.spec.history_length)
        profile = parts.profile(snapshot, visitor.rows)
        unknown = _unknown(parts, query, visitor.unknown, user is None and history is None)
        eligible = snapshot.eligible(condition)
    deadline.require("the query tower")
    with stages.stage("encode"):
        vector = query_vector(parts, query)
        who = user_vector(parts, profile)
    request = Request(snapshot, k, profile, vector, deadline, stages, unknown=unknown)
    return answer(parts, request, vector, who, eligible, pace)


def check_query(query: str) -> None:
    """Raise unless ``query`` is text with a word in it."""
    if not isinstance(query, str):
        raise InvalidInput(f"a query is text, got {type(query).__name__}: {query!r}")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise LimitExceeded(
            f"a query has at most {MAX_QUERY_CHARACTERS} characters, got {len(query)}"
        )
    if not words(query):
        raise InvalidInput(
            f"the query {query!r} holds no word; use recommend for visitors who typed nothing"
        )


def _unknown(parts: Parts, query: str, visitor: dict[str, int], anonymous: bool) -> dict[str, int]:
    unknown = {} if anonymous else dict(visitor)
    if missing := unknown_words(query, parts.vocabulary):
        unknown["words"] = missing
    return unknown
