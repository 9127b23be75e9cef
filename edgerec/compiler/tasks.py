"""Held-out visits as what each model of a shop is good for.

Everything is measured with the originals around it: a tower's variant is judged with the original
item vectors, an item tower's with the original towers' queries, a ranker's on the candidates that
the originals retrieve. What the chosen variants do together is measured end to end afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.items import Items
from edgerec.engine.candidates import Candidates
from edgerec.engine.serving import ITEM_BATCH, Serving
from edgerec.evaluation.task import Evaluation, ItemTask, RankingTask, RetrievalTask, Targets
from edgerec.events.visits import Visit
from edgerec.features.items import item_inputs
from edgerec.features.pairs import HistoryProfile
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.values.examples import Examples
from edgerec.values.signature import Array, Arrays

__all__ = ["Asked", "ask_all", "calibration_of", "tasks_of"]

CALIBRATION_REQUESTS = 128
TIMED_ITEMS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One visit as the models see it.

    ``history`` are the rows behind ``profile``. ``vector`` is what the catalogue is searched with:
    the query's if one was typed, else the user's. ``wanted`` and ``gains`` are rows of the
    catalogue and their relevance.
    """

    visit: Visit
    history: NDArray[np.int32]
    profile: HistoryProfile
    user: NDArray[np.float32]
    query: NDArray[np.float32] | None
    wanted: NDArray[np.int64]
    gains: NDArray[np.float32]

    @property
    def vector(self) -> NDArray[np.float32]:
        return self.user if self.query is None else self.query


def ask_all(serving: Serving, visits: Iterable[tuple[Visit, tuple[str, ...]]]) -> list[Asked]:
    """Encode visits with their histories; those that touched nothing we know are left out."""
    snapshot = serving.catalog.snapshot()
    asked = []
    for visit, history in visits:
        gains = {snapshot.row(item): gain for item, gain in visit.gains().items()}
        gains.pop(None, None)
        rows, _ = snapshot.rows_of(history[-serving.spec.history_length :])
        if not gains or (visit.query is None and not rows.size):
            continue
        profile = serving.profile(snapshot, rows)
        asked.append(
            Asked(
                visit,
                rows,
                profile,
                serving.user_vector(profile),
                None if visit.query is None else serving.query_vector(visit.query),
                np.array(list(gains), np.int64),
                np.array(list(gains.values()), np.float32),
            )
        )
    return asked


def tasks_of(
    serving: Serving, items: Items, asked: Sequence[Asked], metric: str
) -> dict[str, Evaluation]:
    """The evaluation of each of the shop's models."""
    vectors = serving.catalog.snapshot().vectors_of(np.arange(len(items), dtype=np.int32))
    browsed = [one for one in asked if one.query is None]
    typed = [one for one in asked if one.query is not None]
    return {
        "item_tower": ItemTask(
            items=item_batches(serving, items),
            singles=_single_items(serving, items),
            queries=np.stack([one.vector for one in asked]),
            targets=_targets(asked),
            metric=metric,
        ),
        "user_tower": RetrievalTask(
            tuple(user_inputs(serving.spec, one.profile.vectors) for one in browsed),
            vectors,
            _targets(browsed),
            metric,
            tuple(_excluded(serving, one) for one in browsed),
        ),
        "query_tower": RetrievalTask(
            tuple(query_inputs(serving.spec, one.visit.query or "") for one in typed),
            vectors,
            _targets(typed),
            metric,
        ),
        "ranker": RankingTask(_ranking_examples(serving, asked), metric),
    }


def calibration_of(
    serving: Serving, items: Items, asked: Sequence[Asked]
) -> dict[str, list[Arrays]]:
    """Requests to measure each model's activations on."""
    few = asked[:CALIBRATION_REQUESTS]
    typed = [one for one in asked if one.visit.query][:CALIBRATION_REQUESTS]
    examples = _ranking_examples(serving, few)
    return {
        "item_tower": list(item_batches(serving, items)[:4]),
        "user_tower": [user_inputs(serving.spec, one.profile.vectors) for one in few],
        "query_tower": [query_inputs(serving.spec, one.visit.query or "") for one in typed],
        "ranker": [*examples],
    }


def item_batches(serving: Serving, items: Items) -> tuple[dict[str, Array], ...]:
    """The item tower's inputs for all items, 1024 at a time."""
    inputs = item_inputs(serving.spec, items)
    starts = range(0, len(items), ITEM_BATCH)
    return tuple(_cut(inputs, slice(start, start + ITEM_BATCH)) for start in starts)


def _single_items(serving: Serving, items: Items) -> tuple[dict[str, Array], ...]:
    inputs = item_inputs(serving.spec, items)
    rows = range(0, len(items), max(1, len(items) // TIMED_ITEMS))
    return tuple(_cut(inputs, slice(row, row + 1)) for row in rows)


def _cut(inputs: Arrays, rows: slice) -> dict[str, Array]:
    return {name: np.ascontiguousarray(array[rows]) for name, array in inputs.items()}


def _targets(asked: Sequence[Asked]) -> Targets:
    counts = [len(one.wanted) for one in asked]
    return Targets(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([one.wanted for one in asked]),
        np.concatenate([one.gains for one in asked]),
    )


def _ranking_examples(serving: Serving, asked: Sequence[Asked]) -> Examples:
    """Retrieved candidates of each visit, those without a wanted one left out."""
    snapshot = serving.catalog.snapshot()
    inputs: dict[str, list[Array]] = {}
    labels: list[NDArray[np.float32]] = []
    for one in asked:
        eligible = snapshot.eligible(exclude=_excluded(serving, one))
        hits = serving.retriever.search(
            snapshot, one.vector, serving.settings.candidates, eligible=eligible
        )
        rows = np.sort(hits.rows)
        gains = _gains_at(rows, one)
        if not gains.any():
            continue
        candidates = Candidates.of_rows(serving.spec, snapshot, rows)
        labels.append(gains)
        features = candidates.ranker_inputs(
            serving.spec, user=one.user, query=one.query, history=one.profile
        )
        for name, array in features.items():
            inputs.setdefault(name, []).append(array)
    counts = [len(gains) for gains in labels]
    return Examples(
        inputs={name: np.concatenate(arrays) for name, arrays in inputs.items()},
        roles=Examples.roles_of(serving.sessions["ranker"].signature),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        labels=np.concatenate(labels),
    )


def _excluded(serving: Serving, one: Asked) -> NDArray[np.int32]:
    """Rows that a recommendation leaves out, as serving does."""
    if one.query is None and serving.settings.exclude_history:
        return one.history
    return np.zeros(0, np.int32)


def _gains_at(rows: NDArray[np.int32], one: Asked) -> NDArray[np.float32]:
    gains = np.zeros(len(rows), np.float32)
    for row, gain in zip(one.wanted, one.gains, strict=True):
        gains[rows == row] = gain
    return gains
