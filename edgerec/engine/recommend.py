"""Recommend items to a user, or to a visitor known only by this visit's history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerec.engine.cascade import Pace, Request, answer, check_k, user_vector
from edgerec.engine.deadline import Deadline, Stages
from edgerec.engine.parts import Parts
from edgerec.kernels.topk import top_k
from edgerec.values.results import Results
from edgerec.values.where import Where, parse_where

__all__ = ["recommend"]


def recommend(
    parts: Parts,
    pace: Pace,
    *,
    user: str | None,
    history: Sequence[str] | None,
    k: int,
    where: Where | None,
    deadline_ms: float | None,
) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.recommend`."""
    k, condition = check_k(k), parse_where(where)
    deadline, stages, snapshot = Deadline(deadline_ms), Stages(), parts.catalog.snapshot()
    with stages.stage("features"):
        visitor = parts.visitors.find(snapshot, user, history, limit=parts.spec.history_length)
        profile = parts.profile(snapshot, visitor.rows)
        request = Request(snapshot, k, profile, None, deadline, stages, unknown=visitor.unknown)
        exclude = visitor.rows if parts.settings.exclude_history else None
        eligible = snapshot.eligible(condition, exclude)
    if not len(profile):
        return _popular(parts, request, eligible.bitmap)
    deadline.require("the user tower")
    with stages.stage("encode"):
        vector = user_vector(parts, profile)
    return answer(parts, request, vector, vector, eligible, pace)


def _popular(parts: Parts, request: Request, eligible: np.ndarray) -> Results:
    """What most people like, for a visitor about whom nothing is known."""
    with request.stages.stage("retrieve"):
        popularity = request.snapshot.column(parts.settings.popularity).astype(np.float32)
        rows, scores = top_k(popularity, request.k, eligible=eligible)
    request.fallback.append("popularity")
    return request.results(parts, request.snapshot.ids(rows), scores)
