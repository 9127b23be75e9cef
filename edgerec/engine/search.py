"""Search a catalogue by what was typed, for whoever typed it."""

from __future__ import annotations

from edgerec.engine.asking import Asking, begin, check_query
from edgerec.engine.cascade import answer
from edgerec.engine.serving import Serving
from edgerec.features.text import unknown_words
from edgerec.values.results import Results

__all__ = ["search"]


def search(serving: Serving, query: str, asking: Asking) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.search`."""
    check_query(query)
    request = begin(serving, asking)
    with request.stages.stage("features"):
        if missing := unknown_words(query, serving.vocabulary):
            request.unknown["words"] = missing
        eligible = request.snapshot.eligible(request.condition)
    request.deadline.require("the query tower")
    with request.stages.stage("encode"):
        typed, user = serving.query_vector(query), serving.user_vector(request.history)
    return answer(serving, request, user=user, query=typed, eligible=eligible)
