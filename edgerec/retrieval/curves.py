"""Curves of recall over latency: an index at several efforts, beside the exact scan and peers.

What each finds is compared with the truth, computed anew from the vectors, before anything is
timed; then all are timed in turns, in an order that is shuffled every round, on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import rows_of
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import Metric
from edgerec.errors import BackendError
from edgerec.evaluation.timing import time_interleaved
from edgerec.machine.limits import memory_limit_bytes
from edgerec.retrieval.efforts import efforts
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import Index, Queries, Query, check_k
from edgerec.retrieval.peers.peer import Peer, Search
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.trial import sample_queries

__all__ = ["Comparison", "Curve", "Point", "Truth", "compare"]

BLOCK_ROWS = 16_384
ROUNDS = 3
COPIES = 3  # of the vectors in float32: ours for the truth, a peer's, and what its graph takes
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Point:
    """One effort: its settings in words, the mean recall, and the time of a search."""

    settings: str
    recall: float
    median_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class Curve:
    """All efforts of one index; ``build_s`` is 0 for those that were there."""

    name: str
    points: tuple[Point, ...]
    build_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured, of how many items and queries, and who was left out and why."""

    rows: int
    dim: int
    metric: Metric
    k: int
    queries: int
    curves: tuple[Curve, ...]
    left_out: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


class Truth:
    """The best rows of some queries, by the definition of the metric.

    Parameters
    ----------
    vectors : (n, dim) float32
        With the metric cosine of length one, or zero.
    queries : (q, dim) float32
    metric : Metric
    k : int
    """

    def __init__(self, vectors: Queries, queries: Queries, metric: Metric, k: int) -> None:
        self._vectors, self._queries, self._l2 = vectors, queries, metric == "l2"
        best = self._best(min(k, len(vectors)))
        self._least: NDArray[np.float64] = np.array(
            [self._exactly(q, rows).min() for q, rows in enumerate(best)]
        )
        self._wanted = best.shape[1]

    def recall(self, query: int, rows: NDArray[Any]) -> float:
        """Share of the best k that ``rows`` holds, in [0, 1].

        A row that scores as well as the last of them is as good. One that is not there, or comes
        again, counts nothing.
        """
        known = np.unique(rows[(rows >= 0) & (rows < len(self._vectors))].astype(np.int64))
        least = self._least[query]
        good = self._exactly(query, known) >= least - 1e-6 * max(1.0, abs(least))
        return float(min(np.count_nonzero(good), self._wanted) / self._wanted)

    def _exactly(self, query: int, rows: NDArray[Any]) -> NDArray[np.float64]:
        x, q = self._vectors[rows].astype(np.float64), self._queries[query].astype(np.float64)
        scores: NDArray[np.float64] = x @ q
        return scores - (x * x).sum(1) / 2 if self._l2 else scores

    def _best(self, k: int) -> NDArray[np.int64]:
        scores = np.empty((len(self._queries), 0), np.float32)
        rows = np.empty((len(self._queries), 0), np.int64)
        for start in range(0, len(self._vectors), BLOCK_ROWS):
            x = self._vectors[start : start + BLOCK_ROWS]
            here = self._queries @ x.T
            if self._l2:
                here -= np.einsum("ij,ij->i", x, x) / 2
            numbers = np.broadcast_to(np.arange(start, start + len(x)), here.shape)
            scores, rows = np.hstack([scores, here]), np.hstack([rows, numbers])
            if scores.shape[1] > k:
                kept = np.argpartition(scores, -k, axis=1)[:, -k:]
                scores = np.take_along_axis(scores, kept, 1)
                rows = np.take_along_axis(rows, kept, 1)
        return rows


def compare(
    snapshot: Snapshot,
    retriever: Retriever,
    *,
    k: int,
    queries: Queries | None = None,
    peers: Sequence[Peer] = (),
    build_limit_s: float = 120.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Measure an index at several efforts, the exact scan, and peers over the same vectors.

    Parameters
    ----------
    snapshot : Snapshot
        Of the retriever's catalogue.
    retriever : Retriever
    k : int in [1, 10000]
    queries : (n, dim) float32, optional
        512 of them are used; without them, mixtures of two items' vectors.
    peers : sequence of Peer
    build_limit_s : float
        A peer that would take longer to build, by a small sample, is left out.
    seed : int
        Of the sample and of the order of timing.
    progress : callable, optional
        Called with a line before each step: twice, and twice for each peer.

    Raises
    ------
    ShapeError, ValueRangeError
        The queries are such as no search takes, or k is out of range.
    """
    say, rng = progress or (lambda _line: None), np.random.default_rng(seed)
    k = min(check_k(k), snapshot.live)
    asked = sample_queries(snapshot, queries, rng)
    say(f"the true best {k} of {len(asked)} queries")
    field_ = _Field.of(snapshot, asked, k)
    entrants = [*_ours(field_, retriever), *_built(field_, peers, build_limit_s, say)]
    say("timing in turns")
    curves = _timed(field_, entrants, rng)
    return Comparison(
        rows=snapshot.live,
        dim=snapshot.dim,
        metric=snapshot.metric,
        k=k,
        queries=len(asked),
        curves=curves,
        left_out=field_.left_out,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """What all compete on; rows of peers are numbers among the live rows."""

    snapshot: Snapshot
    queries: Queries
    k: int
    live: NDArray[np.int32]
    vectors: Queries
    truth: Truth
    left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, queries: Queries, k: int) -> _Field:
        live = rows_of(snapshot.alive)
        vectors = snapshot.vectors_of(live)
        if snapshot.metric == "cosine":
            vectors, queries = _unit(vectors), _unit(queries)
        queries = np.ascontiguousarray(queries)
        truth = Truth(vectors, queries, snapshot.metric, k)
        return cls(snapshot, queries, k, live, vectors, truth)

    def recall(self, search: Search) -> float:
        """Mean recall over the queries."""
        shares = [self.truth.recall(q, search(query)) for q, query in enumerate(self.queries)]
        return round(float(np.mean(shares)), 4)


@dataclass(frozen=True, slots=True, eq=False)
class _Entrant:
    name: str
    searches: Mapping[str, Search]
    build_s: float = 0.0


def _ours(field_: _Field, retriever: Retriever) -> list[_Entrant]:
    """Return the exact scan, and the index at its efforts where that is another."""
    snapshot = field_.snapshot
    chosen = retriever.index_for(snapshot, snapshot.eligible())
    exact = ExactIndex(snapshot.segments, snapshot.metric)
    entrants = [_Entrant("edgerec exact", {"": _asking(field_, exact)})]
    if chosen.kind != exact.kind:
        indexes = efforts(chosen.over(snapshot.segments), field_.k)
        searches = {words: _asking(field_, index) for words, index in indexes}
        entrants.append(_Entrant(f"edgerec {chosen.kind}", searches))
    return entrants


def _asking(field_: _Field, index: Index) -> Search:
    """Return a search by ``index``, as rows; the numbers that these have are looked up later."""
    eligible, k = field_.snapshot.eligible(), field_.k

    def ask(query: Query) -> NDArray[Any]:
        return index.search(query, k, eligible=eligible).rows

    return ask


def _built(field_: _Field, peers: Sequence[Peer], limit_s: float, say: Progress) -> list[_Entrant]:
    """Build the peers that are installed and can be built within the limits."""
    entrants, l2 = [], field_.snapshot.metric == "l2"
    memory = memory_limit_bytes()
    for peer in peers:
        if not peer.installed:
            field_.left_out[peer.name] = f"{peer.package} is not installed"
            continue
        say(f"{peer.name}: how long it takes to build")
        if memory is not None and COPIES * field_.vectors.nbytes > memory:
            field_.left_out[peer.name] = "it would not fit in memory beside the vectors"
            continue
        expected = peer.expected_s(field_.vectors, l2)
        if expected > limit_s:
            field_.left_out[peer.name] = (
                f"building it would take about {expected:.0f} s, the limit is {limit_s:.0f} s"
            )
            continue
        say(f"{peer.name}: building")
        start = time.perf_counter()
        searches = peer.searches(field_.vectors, l2, field_.k)
        if not searches:
            field_.left_out[peer.name] = f"it cannot be asked for {field_.k}"
            continue
        entrants.append(_Entrant(peer.name, searches, round(time.perf_counter() - start, 2)))
    return entrants


def _timed(
    field_: _Field, entrants: Sequence[_Entrant], rng: np.random.Generator
) -> tuple[Curve, ...]:
    """Check what each finds, then time all of them in turns."""
    recalls: dict[tuple[str, str], float] = {}
    calls: dict[str, Callable[[Query], object]] = {}
    for entrant in entrants:
        for words, search in entrant.searches.items():
            ours = entrant.name.startswith("edgerec ")
            counted = _renumbered(field_, search) if ours else search
            recalls[entrant.name, words] = field_.recall(counted)
            calls[f"{entrant.name}\0{words}"] = search
    times = time_interleaved(calls, list(field_.queries), rng=rng, rounds=ROUNDS)
    curves = []
    for entrant in entrants:
        points = []
        for words in entrant.searches:
            timing = times[f"{entrant.name}\0{words}"]
            median, p99 = (round(timing.percentile(q), 1) for q in (50, 99))
            points.append(Point(words, recalls[entrant.name, words], median, p99))
        curves.append(Curve(entrant.name, tuple(points), entrant.build_s))
    _check(curves[0])
    return tuple(curves)


def _renumbered(field_: _Field, search: Search) -> Search:
    return lambda query: np.searchsorted(field_.live, search(query))


def _check(exact: Curve) -> None:
    """Refuse to compare with a scan that is wrong: then so is the truth, or the vectors."""
    if exact.points[0].recall < 0.9:
        raise BackendError(
            f"the exact scan finds {exact.points[0].recall:.1%} of the truth: nothing it is "
            "compared with can be believed"
        )


def _unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norms > 0, norms, 1), np.float32)
