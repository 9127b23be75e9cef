"""What a model is good for, as numbers a request: the gate compares two models by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import BackendError, ShapeError, SignatureError
from edgerec.evaluation.metrics import metric, ranks_of, worst_ranks
from edgerec.values.examples import Examples
from edgerec.values.signature import Array, Arrays

__all__ = ["Evaluation", "ItemTask", "RankingTask", "RetrievalTask", "Run", "Targets"]

Run = Callable[[Arrays], dict[str, Array]]
"""Runs a model once: named inputs to named outputs."""
Excluded = tuple[NDArray[np.int32], ...]
"""Rows of a catalogue that each request may not get back."""
SCORED_TOGETHER = 64
"""Requests that are scored against the catalogue in one product, so that memory stays bounded."""


class Evaluation(Protocol):
    """The quality of a model over requests, and requests to time it with."""

    @property
    def metric(self) -> str:
        """Name of the metric, such as ``ndcg@10``."""
        ...

    def __call__(self, run: Run) -> NDArray[np.float64]:
        """The metric of each request, (requests,) float64 in [0, 1]."""
        ...

    def requests(self) -> Iterator[Arrays]:
        """Inputs of single requests as they come in serving."""
        ...

    def split(self) -> tuple[Evaluation, Evaluation]:
        """Two halves over different requests: one to search on, one to confirm once."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Wanted rows of a catalogue, request by request.

    ``offsets`` (requests + 1,) int64; ``rows`` (n,) int64; ``gains`` (n,) float32 > 0.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int64]
    gains: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, request: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and gains of one request."""
        cut = slice(int(self.offsets[request]), int(self.offsets[request + 1]))
        return self.rows[cut], self.gains[cut]

    def take(self, requests: NDArray[np.int64]) -> Targets:
        """The targets of these requests."""
        parts = [self.of(int(request)) for request in requests]
        counts = [len(rows) for rows, _ in parts]
        return Targets(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.concatenate([rows for rows, _ in parts]),
            np.concatenate([gains for _, gains in parts]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RankingTask:
    """A ranker orders each request's own candidates.

    Candidates with one score are ranked against what is wanted, because examples may list that
    first. Requests count alike: weights are for training.
    """

    examples: Examples
    metric: str = "ndcg@10"

    def __call__(self, run: Run) -> NDArray[np.float64]:
        compute = metric(self.metric)
        values = np.zeros(self.examples.requests)
        pairs = zip(self.examples, self.examples.label_groups(), strict=True)
        for request, (inputs, labels) in enumerate(pairs):
            scores = _output(run(inputs)).reshape(-1)
            if len(scores) != len(labels):
                raise ShapeError(f"a ranker gave {len(scores)} scores for {len(labels)} candidates")
            wanted = labels > 0
            values[request] = compute(worst_ranks(scores, labels)[wanted], labels[wanted])
        return values

    def requests(self) -> Iterator[Arrays]:
        return iter(self.examples)

    def split(self) -> tuple[RankingTask, RankingTask]:
        halves = _halves(self.examples.requests)
        return tuple(  # type: ignore[return-value]
            replace(self, examples=self.examples.take(half)) for half in halves
        )


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalTask:
    """A user or query tower orders a whole catalogue by inner product.

    Parameters
    ----------
    inputs : tuple of mapping
        The tower's inputs, one mapping a request.
    vectors : (items, d) float32
        Item vectors, the same for every variant of the tower.
    targets : Targets
        What each request wanted.
    excluded : tuple of (m,) int, optional
        Rows that each request may not get back.

    Ties are broken by row, as in serving.
    """

    inputs: tuple[Arrays, ...]
    vectors: NDArray[np.float32]
    targets: Targets
    metric: str = "ndcg@10"
    excluded: Excluded | None = None

    def __post_init__(self) -> None:
        _check_lengths(len(self.inputs), self.targets, self.excluded)

    def __call__(self, run: Run) -> NDArray[np.float64]:
        queries = np.concatenate([_output(run(inputs)) for inputs in self.inputs])
        return _retrieval(queries, self.vectors, self.targets, self.metric, self.excluded)

    def requests(self) -> Iterator[Arrays]:
        return iter(self.inputs)

    def split(self) -> tuple[RetrievalTask, RetrievalTask]:
        return tuple(  # type: ignore[return-value]
            replace(
                self,
                inputs=tuple(self.inputs[int(request)] for request in half),
                targets=self.targets.take(half),
                excluded=_take(self.excluded, half),
            )
            for half in _halves(len(self.inputs))
        )


@dataclass(frozen=True, slots=True, eq=False)
class ItemTask:
    """An item tower makes the vectors that given queries are answered from.

    Parameters
    ----------
    items : tuple of mapping
        The tower's inputs in batches that together cover the catalogue, in row order.
    singles : tuple of mapping
        Inputs of single items, as an upsert brings them.
    queries : (requests, d) float32
        Query vectors, the same for every variant of the tower.
    targets : Targets
    excluded : tuple of (m,) int, optional
        Rows that each request may not get back.
    """

    items: tuple[Arrays, ...]
    singles: tuple[Arrays, ...]
    queries: NDArray[np.float32]
    targets: Targets
    metric: str = "ndcg@10"
    excluded: Excluded | None = None

    def __post_init__(self) -> None:
        _check_lengths(len(self.queries), self.targets, self.excluded)

    def __call__(self, run: Run) -> NDArray[np.float64]:
        vectors = np.concatenate([_output(run(batch)) for batch in self.items])
        return _retrieval(self.queries, vectors, self.targets, self.metric, self.excluded)

    def requests(self) -> Iterator[Arrays]:
        return iter(self.singles)

    def split(self) -> tuple[ItemTask, ItemTask]:
        return tuple(  # type: ignore[return-value]
            replace(
                self,
                queries=self.queries[half],
                targets=self.targets.take(half),
                excluded=_take(self.excluded, half),
            )
            for half in _halves(len(self.targets))
        )


def _retrieval(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    targets: Targets,
    name: str,
    excluded: Excluded | None,
) -> NDArray[np.float64]:
    compute = metric(name)
    values = np.zeros(len(queries))
    for start in range(0, len(queries), SCORED_TOGETHER):
        scores = queries[start : start + SCORED_TOGETHER] @ vectors.T
        for request, row_scores in enumerate(scores, start):
            rows, gains = targets.of(request)
            if excluded is not None:
                row_scores[excluded[request]] = -np.inf
            values[request] = compute(ranks_of(row_scores, rows), gains)
    return values


def _check_lengths(requests: int, targets: Targets, excluded: Excluded | None) -> None:
    if requests != len(targets) or (excluded is not None and requests != len(excluded)):
        raise ShapeError(
            f"{requests} requests, but targets of {len(targets)}"
            + ("" if excluded is None else f" and excluded rows of {len(excluded)}")
        )


def _take(excluded: Excluded | None, requests: NDArray[np.int64]) -> Excluded | None:
    return None if excluded is None else tuple(excluded[int(request)] for request in requests)


def _halves(requests: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Even and odd requests: both halves see the whole period, and no request is in both."""
    if requests < 2:
        raise ShapeError(f"an evaluation needs at least 2 requests, got {requests}")
    order = np.arange(requests, dtype=np.int64)
    return order[::2], order[1::2]


def _output(outputs: dict[str, Array]) -> Array:
    """The only output; nothing can be ranked by what is not a number."""
    if len(outputs) != 1:
        raise SignatureError(
            f"the evaluation reads a model's only output, this one has {', '.join(outputs)}"
        )
    (array,) = outputs.values()
    if not np.isfinite(array).all():
        raise BackendError("the model computed NaN or infinity from finite inputs")
    return array
