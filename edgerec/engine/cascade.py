"""The cascade behind every ranked answer: retrieve candidates, rank them, keep the best k."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible
from edgerec.engine.asking import Request
from edgerec.engine.candidates import Candidates
from edgerec.engine.serving import Serving
from edgerec.kernels.topk import top_k
from edgerec.retrieval.index import MAX_K
from edgerec.values.results import Results

__all__ = ["answer", "rank_candidates"]

Vector = NDArray[np.float32]


def answer(
    serving: Serving,
    request: Request,
    *,
    user: Vector,
    query: Vector | None,
    eligible: Eligible,
) -> Results:
    """Retrieve by the query, or by the user where nothing was typed; rank; ties go by row.

    Where time runs short fewer candidates are ranked, the best by retrieval first; where it does
    not even suffice for k of them, retrieval's own order answers.
    """
    k, version = request.k, serving.version
    depth = min(MAX_K, max(k, serving.settings.candidates))
    with request.stages.stage("retrieve"):
        hits = serving.retriever.search(
            request.snapshot, user if query is None else query, depth, eligible=eligible
        )
    rows, scores = hits.rows, hits.scores
    if not rows.size:
        return request.results((), scores, version)
    affordable = serving.pace.affordable(request.deadline, rows.size)
    if affordable < min(k, rows.size):
        serving.pace.skipped()
        request.cut.append(f"rank: 0 of {rows.size} candidates")
        request.fallback.append("retrieval")
        return request.results(request.snapshot.ids(rows[:k]), scores[:k], version)
    if affordable < rows.size:
        request.cut.append(f"rank: {affordable} of {rows.size} candidates")
    with request.stages.stage("rank"):
        start = time.perf_counter_ns()
        rows = np.sort(rows[:affordable])  # of equal scores, top_k keeps the first
        candidates = Candidates.of_rows(serving.spec, request.snapshot, rows)
        ranked = rank_candidates(serving, request, candidates, user=user, query=query)
        serving.pace.learn(rows.size, (time.perf_counter_ns() - start) / 1000)
        best, scores = top_k(ranked, min(k, rows.size))
    return request.results(request.snapshot.ids(rows[best]), scores, version)


def rank_candidates(
    serving: Serving,
    request: Request,
    candidates: Candidates,
    *,
    user: Vector,
    query: Vector | None,
) -> Vector:
    """Score of each candidate, (n,) float32."""
    inputs = candidates.ranker_inputs(serving.spec, user=user, query=query, history=request.history)
    return serving.run("ranker", inputs).reshape(-1)
