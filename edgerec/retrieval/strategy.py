"""Which index answers: chosen once by measuring at build, and at each query by the filter.

At build the exact scan is measured first, and where it is quick enough nothing else is tried. Else
an inverted file is trained on the catalogue, and the number of probes is looked for that reaches
the recall target soonest; it is taken if it is then faster than the scan. Last, filters of falling
selectivity show from where on the scan answers a filtered query sooner, or better. Every figure
that decided is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible, pack
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import BundleCorruptError, ValueRangeError
from edgerec.evaluation.timing import time_interleaved
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.faiss import FaissIndex, FaissLists, train_lists
from edgerec.retrieval.index import Index, Query, check_k, check_query, shortlist_size

__all__ = ["Measured", "Strategy", "Target", "choose"]

Progress = Callable[[str], None]
Queries = NDArray[np.float32]
Kind = Literal["exact", "ivf"]

SAMPLE = 64
PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SELECTIVITIES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
TRUTH_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Target:
    """What a search must reach.

    Parameters
    ----------
    k : int in [1, 10000]
        How many rows are asked for.
    recall : float in (0, 1]
        Share of the true best k that an approximate index must return, on average.
    exact_enough_us : float >= 0
        A median below which the exact scan is taken without trying anything else.
    """

    k: int = 100
    recall: float = 0.98
    exact_enough_us: float = 500.0

    def __post_init__(self) -> None:
        check_k(self.k)
        if not 0 < self.recall <= 1:
            raise ValueRangeError(f"recall must lie in (0, 1], got {self.recall}")
        if not self.exact_enough_us >= 0:
            raise ValueRangeError(f"exact_enough_us must be >= 0, got {self.exact_enough_us}")


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to answer, on the sample.

    Parameters
    ----------
    kind : str
    probes : int
        Lists looked at; 0 for the exact scan.
    selectivity : float in (0, 1]
        Share of the rows that was eligible.
    recall : float in [0, 1]
        Mean share of the true best k that came back.
    median_us, p90_us : float
        Time of one search, on one thread.
    """

    kind: Kind
    probes: int
    selectivity: float
    recall: float
    median_us: float
    p90_us: float


@dataclass(frozen=True, slots=True)
class Strategy:
    """The choice and its evidence.

    Parameters
    ----------
    kind : {"exact", "ivf"}
    rows, dim : int
        Size of the catalogue that was measured.
    target : Target
    lists, probes : int
        Of the inverted file; 0 for the exact scan.
    exact_below : float in [0, 1]
        Queries whose filter leaves a smaller share of the rows are answered by the exact scan.
    reason : str
        One sentence.
    evidence : tuple of Measured
    """

    kind: Kind
    rows: int
    dim: int
    target: Target
    reason: str
    lists: int = 0
    probes: int = 0
    exact_below: float = 0.0
    evidence: tuple[Measured, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueRangeError(
                f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}"
            )
        if not all(type(count) is int for count in (self.rows, self.dim, self.lists, self.probes)):
            raise ValueRangeError("rows, dim, lists and probes must be integers")
        if self.kind == "ivf" and not 1 <= self.probes <= self.lists:
            raise ValueRangeError(f"probes must lie in [1, {self.lists}], got {self.probes}")
        if not 0 <= self.exact_below <= 1:
            raise ValueRangeError(f"exact_below must lie in [0, 1], got {self.exact_below}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; :meth:`from_dict` reads it back."""
        return {**asdict(self), "evidence": [asdict(measured) for measured in self.evidence]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Strategy:
        """Read what :meth:`to_dict` wrote; BundleCorruptError says what is wrong."""
        try:
            evidence = tuple(Measured(**entry) for entry in data["evidence"])
            return cls(**{**data, "target": Target(**data["target"]), "evidence": evidence})
        except (KeyError, TypeError, ValueRangeError) as error:
            raise BundleCorruptError(f"not a retrieval strategy: {error}") from error


def choose(
    snapshot: Snapshot,
    target: Target,
    *,
    queries: Queries | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Strategy, FaissLists | None]:
    """Measure and choose.

    Parameters
    ----------
    snapshot : Snapshot
        All of its rows are indexed, dead ones too; compact a catalogue first.
    target : Target
    queries : (n, dim) float32, optional
        Query vectors such as will be asked, of which 64 are used; without them, mixtures of two
        items' vectors.
    seed : int
        Of the sample.
    progress : callable, optional
        Called with a line for each step.
    """
    bench = _Bench(snapshot, target, queries, np.random.default_rng(seed))
    say = progress or (lambda _line: None)
    say(f"exact scan of {snapshot.rows} rows")
    exact = ExactIndex(snapshot.segments, snapshot.metric)
    (alone,) = bench.measure({"exact": exact})
    if snapshot.metric != "inner":
        return bench.strategy("exact", f"the lists know no {snapshot.metric}", [alone]), None
    if alone.median_us <= target.exact_enough_us:
        reason = (
            f"the exact scan takes {alone.median_us:.0f} us, within the "
            f"{target.exact_enough_us:.0f} us that need no index"
        )
        return bench.strategy("exact", reason, [alone]), None
    lists = max(1, min(round(4 * snapshot.rows**0.5), snapshot.rows // 4))
    say(f"training {lists} lists")
    trained = FaissLists(train_lists(_originals(snapshot), lists, seed=seed))
    return _with_lists(bench, exact, trained, say)


def _with_lists(
    bench: _Bench, exact: ExactIndex, trained: FaissLists, say: Progress
) -> tuple[Strategy, FaissLists | None]:
    """Find the number of probes that reaches the recall soonest, and compare."""
    target, evidence = bench.target, []
    best: tuple[Measured, FaissIndex] | None = None
    for probes in _probes(bench, trained):
        say(f"{probes} of {len(trained.lists)} lists")
        index = FaissIndex(trained, exact.segments, probes)
        found, scan = bench.measure({"ivf": index, "exact": exact})
        evidence += [found, scan]
        if best is not None and found.median_us > best[0].median_us:
            break
        if found.recall >= target.recall:
            best = found, index
    if best is None:
        reason = f"FAISS does not reach recall@{target.k} {target.recall}: {found.recall:.3f}"
        return bench.strategy("exact", reason, evidence), None
    found, index = best
    compared = (
        f"recall@{target.k} {found.recall:.3f} at {found.median_us:.0f} us with {index.probes} "
        f"of {len(trained.lists)} lists, the exact scan {scan.median_us:.0f} us"
    )
    if found.median_us >= scan.median_us:
        return bench.strategy("exact", f"FAISS is not faster: {compared}", evidence), None
    say("filters")
    below, filtered = _threshold(bench, exact, index)
    strategy = bench.strategy(
        "ivf",
        f"FAISS is faster: {compared}",
        evidence + filtered,
        lists=len(trained.lists),
        probes=index.probes,
        exact_below=below,
    )
    return strategy, trained


def _probes(bench: _Bench, trained: FaissLists) -> list[int]:
    """Return what to try, from twice the shortlist on: fewer lists could not fill it."""
    lists = len(trained.lists)
    least = 2 * shortlist_size(bench.target.k) * lists / trained.rows
    return [probes for probes in PROBES if least <= probes < lists] or [lists]


def _threshold(bench: _Bench, exact: ExactIndex, index: FaissIndex) -> tuple[float, list[Measured]]:
    """Return the least selectivity at which the lists still win, and what was measured."""
    below, evidence = 1.0, []
    for selectivity in SELECTIVITIES:
        found, scan = bench.measure({"ivf": index, "exact": exact}, selectivity)
        evidence += [found, scan]
        if found.recall < bench.target.recall or found.median_us >= scan.median_us:
            break
        below = selectivity
    return below, evidence


class _Bench:
    """A sample of queries on one snapshot, with the true answers."""

    def __init__(
        self,
        snapshot: Snapshot,
        target: Target,
        queries: Queries | None,
        rng: np.random.Generator,
    ) -> None:
        self.snapshot, self.target, self._rng = snapshot, target, rng
        given = _mixtures(snapshot, rng) if queries is None else queries
        chosen = rng.permutation(len(given))[:SAMPLE]
        self._queries = [check_query(given[place], snapshot.dim) for place in chosen]
        self._scores = _true_scores(snapshot, self._queries)

    def measure(self, indexes: Mapping[str, Index], selectivity: float = 1.0) -> list[Measured]:
        """Measure indexes side by side, under a random filter."""
        eligible, mask = self._filter(selectivity)
        k = self.target.k
        calls: dict[str, Callable[[Query], object]] = {
            name: _search(index, k, eligible) for name, index in indexes.items()
        }
        times = time_interleaved(calls, self._queries, rng=self._rng, rounds=3)
        return [
            Measured(
                kind=index.kind,  # type: ignore[arg-type]
                probes=index.probes if isinstance(index, FaissIndex) else 0,
                selectivity=selectivity,
                recall=self._recall(index, eligible, mask),
                median_us=round(times[name].percentile(50), 1),
                p90_us=round(times[name].percentile(90), 1),
            )
            for name, index in indexes.items()
        ]

    def strategy(self, kind: Kind, reason: str, evidence: list[Measured], **more: Any) -> Strategy:
        """Return a choice for this snapshot and target."""
        s = self.snapshot
        return Strategy(kind, s.rows, s.dim, self.target, reason, evidence=tuple(evidence), **more)

    def _filter(self, selectivity: float) -> tuple[Eligible, NDArray[np.bool_]]:
        live = np.unpackbits(self.snapshot.alive, count=self.snapshot.rows, bitorder="little")
        mask = live.view(np.bool_) & (self._rng.random(self.snapshot.rows) < selectivity)
        return Eligible(pack(mask), int(mask.sum()), mask.size), mask

    def _recall(self, index: Index, eligible: Eligible, mask: NDArray[np.bool_]) -> float:
        """Mean share of the true best k that ``index`` returns; 1 where nothing is eligible."""
        k = min(self.target.k, eligible.count)
        shares = [1.0]
        if k:
            shares = [
                float((scores[index.search(query, k, eligible=eligible).rows] >= kth).mean())
                for query, scores, kth in self._thresholds(mask, k)
            ]
        return round(sum(shares) / len(shares), 4)

    def _thresholds(self, mask: NDArray[np.bool_], k: int) -> list[tuple[Query, Any, float]]:
        """Return each query with its true scores and the k-th best of the eligible."""
        return [
            (query, scores, float(np.partition(scores[mask], -k)[-k]))
            for query, scores in zip(self._queries, self._scores, strict=True)
        ]


def _search(index: Index, k: int, eligible: Eligible) -> Callable[[Query], object]:
    return lambda query: index.search(query, k, eligible=eligible)


def _originals(snapshot: Snapshot) -> NDArray[Any]:
    parts = [segment.vectors for segment in snapshot.segments]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _mixtures(snapshot: Snapshot, rng: np.random.Generator) -> Queries:
    """Return stand-ins for queries: 0.7 of one item's vector and 0.3 of another's."""
    rows = rng.integers(0, snapshot.rows, (2, SAMPLE)).astype(np.int32)
    one, other = snapshot.vectors_of(rows[0]), snapshot.vectors_of(rows[1])
    return (0.7 * one + 0.3 * other).astype(np.float32)


def _true_scores(snapshot: Snapshot, queries: list[Query]) -> NDArray[np.float32]:
    """Return the inner products of every query with every row, (queries, rows) float32."""
    stacked, parts = np.stack(queries), []
    for segment in snapshot.segments:
        for start in range(0, segment.rows, TRUTH_BLOCK):
            block = np.asarray(segment.vectors[start : start + TRUTH_BLOCK], np.float32)
            parts.append(stacked @ block.T)
    return np.concatenate(parts, axis=1)
