"""The cascade behind every ranked answer: retrieve candidates, rank them, keep the best k."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.deadline import Deadline, Stages
from edgerec.engine.parts import Parts
from edgerec.errors import ValueRangeError
from edgerec.features.pairs import HistoryProfile, ranker_inputs
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.kernels.topk import top_k
from edgerec.values.results import Results

__all__ = [
    "MAX_K",
    "Candidates",
    "Pace",
    "Request",
    "answer",
    "check_k",
    "query_vector",
    "rank_candidates",
    "user_vector",
]

MAX_K = 10_000
Vector = NDArray[np.float32]


def check_k(k: int) -> int:
    """``k`` itself.

    Raises
    ------
    ValueRangeError
        Not an integer in [1, 10000].
    """
    given: object = k
    if isinstance(given, bool) or not isinstance(given, int | np.integer):
        raise ValueRangeError(f"k must be an integer from 1 to {MAX_K}, got {k!r}")
    if not 1 <= given <= MAX_K:
        raise ValueRangeError(f"k must be an integer from 1 to {MAX_K}, got {k}")
    return int(given)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Items to rank: what the ranker's features are made of, row by row.

    ``vectors`` (n, dim) float32, ``dense`` (n, m) float32, ``categories`` and ``brands`` (n,)
    codes of the catalogue, ``prices`` (n,) float64.
    """

    vectors: Vector
    dense: Vector
    categories: NDArray[np.int32]
    brands: NDArray[np.int32]
    prices: NDArray[np.float64]

    @classmethod
    def of(cls, parts: Parts, snapshot: Snapshot, rows: NDArray[np.int32]) -> Candidates:
        """Look up rows of the catalogue."""
        dense = [snapshot.take(name, rows).astype(np.float32) for name in parts.spec.dense]
        return cls(
            snapshot.vectors_of(rows),
            np.stack(dense, axis=1) if dense else np.zeros((len(rows), 0), np.float32),
            snapshot.take("category", rows),
            snapshot.take("brand", rows),
            snapshot.take("price", rows),
        )

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One request on its way: who asks, what was typed, and what has been noticed so far."""

    snapshot: Snapshot
    k: int
    history: HistoryProfile
    query: Vector | None
    deadline: Deadline
    stages: Stages
    cut: list[str] = field(default_factory=list)
    fallback: list[str] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)

    def results(self, parts: Parts, ids: Sequence[str], scores: Vector) -> Results:
        """The answer, with everything that was noticed."""
        return Results(
            ids=tuple(ids),
            scores=scores,
            version=parts.version,
            sequence=self.snapshot.sequence,
            stages_us=dict(self.stages.us),
            cut=tuple(self.cut),
            fallback=tuple(self.fallback),
            unknown=dict(self.unknown),
        )


class Pace:
    """How long ranking takes here, learned from what it took: microseconds a candidate."""

    def __init__(self) -> None:
        self._us_each = 0.0

    def learn(self, candidates: int, us: float) -> None:
        """Note one ranking; the estimate moves a tenth of the way, up at once."""
        each = us / candidates
        self._us_each = max(each, 0.9 * self._us_each + 0.1 * each)

    def affordable(self, deadline: Deadline) -> int:
        """Candidates that can be ranked in the time that is left."""
        if not deadline.limited or self._us_each == 0.0:
            return MAX_K
        return max(0, int(deadline.remaining_us() / self._us_each))


def answer(
    parts: Parts, request: Request, vector: Vector, user: Vector, eligible: Eligible, pace: Pace
) -> Results:
    """Retrieve by ``vector``, rank for ``user``; ties go by row."""
    depth = min(MAX_K, max(request.k, parts.settings.candidates))
    with request.stages.stage("retrieve"):
        hits = parts.retriever.search(request.snapshot, vector, depth, eligible=eligible)
    affordable = pace.affordable(request.deadline)
    rows, scores = hits.rows, hits.scores
    if not rows.size:
        return request.results(parts, (), np.zeros(0, np.float32))
    if affordable < min(request.k, rows.size):
        request.cut.append(f"rank: 0 of {rows.size} candidates")
        request.fallback.append("retrieval")
        return request.results(parts, request.snapshot.ids(rows[: request.k]), scores[: request.k])
    if affordable < rows.size:
        request.cut.append(f"rank: {affordable} of {rows.size} candidates")
    with request.stages.stage("rank"):
        rows = np.sort(rows[:affordable])
        ranked = rank_candidates(
            parts, request, user, Candidates.of(parts, request.snapshot, rows), pace
        )
        best, scores = top_k(ranked, min(request.k, len(ranked)))
    return request.results(parts, request.snapshot.ids(rows[best]), scores)


def rank_candidates(
    parts: Parts, request: Request, user: Vector, candidates: Candidates, pace: Pace
) -> Vector:
    """Score of each candidate, (n,) float32."""
    start = time.perf_counter_ns()
    inputs = ranker_inputs(
        parts.spec,
        user=user,
        query=request.query,
        vectors=candidates.vectors,
        item_dense=candidates.dense,
        categories=candidates.categories,
        brands=candidates.brands,
        prices=candidates.prices,
        history=request.history,
    )
    scores = parts.run("ranker", inputs).reshape(-1)
    pace.learn(len(candidates), (time.perf_counter_ns() - start) / 1000)
    return scores


def user_vector(parts: Parts, history: HistoryProfile) -> Vector:
    """The user tower's vector of a history, (dim,) float32; an empty history has one too."""
    vectors = parts.run("user_tower", user_inputs(parts.spec, history.vectors))
    return np.ascontiguousarray(vectors[0])


def query_vector(parts: Parts, query: str) -> Vector:
    """The query tower's vector of a text, (dim,) float32."""
    return np.ascontiguousarray(parts.run("query_tower", query_inputs(parts.spec, query))[0])
