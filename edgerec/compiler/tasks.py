"""Held-out visits as what each model of a shop is good for.

Everything is measured with the originals around it: a tower's variant is judged with the original
item vectors, an item tower's with the original towers' queries, a ranker's on the candidates that
the originals retrieve. What the chosen variants do together is measured end to end afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.items import Items
from edgerec.engine.candidates import Candidates
from edgerec.engine.serving import ITEM_BATCH, Serving
from edgerec.engine.visitors import Visitor
from edgerec.errors import RecipeError
from edgerec.evaluation.task import Evaluation, ItemTask, RankingTask, RetrievalTask, Targets
from edgerec.events.visits import Arrival
from edgerec.features.items import item_inputs
from edgerec.features.pairs import HistoryProfile
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.features.spec import FeatureSpec
from edgerec.values.examples import Examples
from edgerec.values.signature import Array, Arrays

__all__ = ["Asked", "ask_all", "calibration_of", "item_batches", "spread", "tasks_of"]

Value = TypeVar("Value")

TOWER_REQUESTS = 2000
"""To calibrate a tower: each brings one row, and a re-fit wants many more rows than widths."""
RANKER_REQUESTS = 128
ITEM_BATCHES = 16
TIMED_ITEMS = 100
RANKED_VISITS = 4000
"""Visits that judge the ranker, at most: each brings hundreds of candidates."""
LEAST = 2
"""Requests that an evaluation can be halved from."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One visit as the models see it.

    ``profile`` is of the visitor's latest items. ``vector`` is what the catalogue is searched with:
    the query's if one was typed, else the user's. ``wanted`` and ``gains`` are rows of the
    catalogue and their relevance.
    """

    text: str | None
    visitor: Visitor
    profile: HistoryProfile
    user: NDArray[np.float32]
    query: NDArray[np.float32] | None
    wanted: NDArray[np.int64]
    gains: NDArray[np.float32]

    @property
    def vector(self) -> NDArray[np.float32]:
        return self.user if self.query is None else self.query


def ask_all(serving: Serving, arrivals: Iterable[Arrival]) -> list[Asked]:
    """Encode visits with their histories, as serving does.

    Left out are those that touched nothing we know, and those of a visitor about whom nothing is
    known and who typed nothing: popular items answer them, and no model.
    """
    snapshot, limit = serving.catalog.snapshot(), serving.spec.history_length
    asked = []
    for arrival in arrivals:
        gains = {snapshot.row(item): gain for item, gain in arrival.visit.gains().items()}
        gains.pop(None, None)
        visitor = serving.visitors.find(snapshot, None, arrival.history, limit=limit)
        text = arrival.visit.query
        if not gains or (text is None and not visitor.rows.size):
            continue
        profile = serving.profile(snapshot, visitor.rows)
        asked.append(
            Asked(
                text,
                visitor,
                profile,
                serving.user_vector(profile),
                None if text is None else serving.query_vector(text),
                np.array(list(gains), np.int64),
                np.array(list(gains.values()), np.float32),
            )
        )
    return asked


def tasks_of(
    serving: Serving, batches: Sequence[Arrays], asked: Sequence[Asked], metric: str
) -> dict[str, Evaluation]:
    """The evaluation of each of the shop's models.

    Parameters
    ----------
    serving : Serving
        With the originals.
    batches : sequence of mapping
        Of :func:`item_batches`.
    asked : sequence of Asked
        Held-out visits.
    metric : str

    Raises
    ------
    RecipeError
        Too few visits of a kind to judge a model by.
    """
    browsed = _enough([one for one in asked if one.text is None], "browsed with a known history")
    typed = _enough([one for one in asked if one.text is not None], "typed a query")
    snapshot = serving.catalog.snapshot()
    vectors = snapshot.vectors_of(np.arange(snapshot.rows, dtype=np.int32))
    return {
        "item_tower": ItemTask(
            tuple(batches),
            _single_items(serving),
            np.stack([one.vector for one in asked]),
            _targets(asked),
            metric,
            tuple(_excluded(serving, one) for one in asked),
        ),
        "user_tower": RetrievalTask(
            tuple(user_inputs(serving.spec, one.profile.vectors) for one in browsed),
            vectors,
            _targets(browsed),
            metric,
            tuple(_excluded(serving, one) for one in browsed),
        ),
        "query_tower": RetrievalTask(
            tuple(query_inputs(serving.spec, one.text or "") for one in typed),
            vectors,
            _targets(typed),
            metric,
        ),
        "ranker": RankingTask(_ranking_examples(serving, spread(asked, RANKED_VISITS)), metric),
    }


def calibration_of(
    serving: Serving, batches: Sequence[Arrays], asked: Sequence[Asked]
) -> dict[str, list[Arrays]]:
    """Requests to measure each model's activations on; parameters as of :func:`tasks_of`.

    Raises
    ------
    RecipeError
        None that browsed, or none that typed.
    """
    browsed = _enough([one for one in asked if one.text is None], "browsed with a known history")
    typed = _enough([one for one in asked if one.text is not None], "typed a query")
    half = RANKER_REQUESTS // 2
    both = [*spread(browsed, half), *spread(typed, half)]
    visitors = spread([one for one in asked if len(one.profile)], TOWER_REQUESTS)
    return {
        "item_tower": spread(batches, ITEM_BATCHES),
        "user_tower": [user_inputs(serving.spec, one.profile.vectors) for one in visitors],
        "query_tower": [
            query_inputs(serving.spec, one.text or "") for one in spread(typed, TOWER_REQUESTS)
        ],
        "ranker": [
            features
            for gains, features in (_candidates(serving, one) for one in both)
            if gains.size
        ],
    }


def item_batches(spec: FeatureSpec, items: Items) -> tuple[dict[str, Array], ...]:
    """The item tower's inputs for all items, 1024 at a time."""
    inputs = item_inputs(spec, items)
    starts = range(0, len(items), ITEM_BATCH)
    return tuple(
        {n: np.ascontiguousarray(a[start : start + ITEM_BATCH]) for n, a in inputs.items()}
        for start in starts
    )


def spread(values: Sequence[Value], count: int) -> list[Value]:
    """``count`` of the values, evenly over all of them; all where there are fewer."""
    if len(values) <= count:
        return list(values)
    return [values[int(place)] for place in np.linspace(0, len(values) - 1, count)]


def _enough(asked: list[Asked], what: str) -> list[Asked]:
    if len(asked) < LEAST:
        raise RecipeError(
            f"only {len(asked)} visits that {what} and touched an item of the shop: each model "
            f"needs {LEAST} at least, to calibrate on and held out to be judged by, and hundreds "
            "to pass the gate. Give more visits, or hold out a larger share (data.holdout)"
        )
    return asked


def _single_items(serving: Serving) -> tuple[dict[str, Array], ...]:
    """Inputs of single items, as an upsert brings them."""
    snapshot = serving.catalog.snapshot()
    rows = spread(range(snapshot.rows), TIMED_ITEMS)
    singles = (snapshot.items(np.array([row], np.int32)) for row in rows)
    return tuple(item_inputs(serving.spec, one) for one in singles)


def _targets(asked: Sequence[Asked]) -> Targets:
    counts = [len(one.wanted) for one in asked]
    return Targets(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([one.wanted for one in asked]),
        np.concatenate([one.gains for one in asked]),
    )


def _ranking_examples(serving: Serving, asked: Sequence[Asked]) -> Examples:
    """Retrieved candidates of each visit, those without a wanted one left out."""
    inputs: dict[str, list[Array]] = {}
    labels: list[NDArray[np.float32]] = []
    for one in asked:
        gains, features = _candidates(serving, one)
        if gains.any():
            labels.append(gains)
            for name, array in features.items():
                inputs.setdefault(name, []).append(array)
    if len(labels) < LEAST:
        raise RecipeError(
            f"only {len(labels)} of {len(asked)} visits have an item that they wanted among the "
            f"{serving.settings.candidates} candidates: the ranker needs {LEAST} at least. Give "
            "more visits or candidates (answers.candidates), or better towers"
        )
    counts = [len(gains) for gains in labels]
    return Examples(
        inputs={name: np.concatenate(arrays) for name, arrays in inputs.items()},
        roles=Examples.roles_of(serving.sessions["ranker"].signature),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        labels=np.concatenate(labels),
    )


def _candidates(
    serving: Serving, one: Asked
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Gains of what is retrieved for a visit, by row, and the ranker's inputs."""
    snapshot = serving.catalog.snapshot()
    eligible = snapshot.eligible(exclude=_excluded(serving, one))
    hits = serving.retriever.search(
        snapshot, one.vector, serving.settings.candidates, eligible=eligible
    )
    rows = np.sort(hits.rows)
    gains = np.zeros(len(rows), np.float32)
    places = np.searchsorted(rows, one.wanted)
    for place, row, gain in zip(places, one.wanted, one.gains, strict=True):
        if place < len(rows) and rows[place] == row:
            gains[place] = gain
    candidates = Candidates.of_rows(serving.spec, snapshot, rows)
    return gains, candidates.ranker_inputs(
        serving.spec, user=one.user, query=one.query, history=one.profile
    )


def _excluded(serving: Serving, one: Asked) -> NDArray[np.int32]:
    """Rows that a recommendation leaves out, as serving does."""
    if one.text is None and serving.settings.exclude_history:
        return one.visitor.touched
    return np.zeros(0, np.int32)
