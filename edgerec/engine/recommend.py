"""Recommend items to a user, or to a visitor known only by this visit's history."""

from __future__ import annotations

import numpy as np

from edgerec.catalog.bitmaps import Eligible
from edgerec.engine.asking import Asking, Request, begin
from edgerec.engine.cascade import answer
from edgerec.engine.serving import Serving
from edgerec.kernels.topk import top_k
from edgerec.values.results import Results

__all__ = ["recommend"]


def recommend(serving: Serving, asking: Asking) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.recommend`."""
    request = begin(serving, asking)
    with request.stages.stage("features"):
        exclude = request.visitor.touched if serving.settings.exclude_history else None
        eligible = request.snapshot.eligible(request.condition, exclude)
    if not len(request.history):
        return _popular(serving, request, eligible)
    request.deadline.require("the user tower")
    with request.stages.stage("encode"):
        user = serving.user_vector(request.history)
    return answer(serving, request, user=user, query=None, eligible=eligible)


def _popular(serving: Serving, request: Request, eligible: Eligible) -> Results:
    """What most people like, for a visitor about whom nothing is known."""
    request.deadline.require("the popular items")
    with request.stages.stage("retrieve"):
        popularity = request.snapshot.column(serving.settings.popularity).astype(np.float32)
        rows, scores = top_k(popularity, request.k, eligible=eligible.bitmap)
    request.fallback.append("popularity")
    return request.results(request.snapshot.ids(rows), scores, serving.version)
