"""How the ranker of the shop learns: among what the towers retrieve, clicks come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgerec.evaluation.metrics import ndcg, ranks_of
from edgerec.features.pairs import PAIR_FEATURES, HistoryProfile, pair_features
from edgerec.features.spec import FeatureSpec
from edgerec.models.dcn import DCN, DCNSettings
from edgerec.shop.lessons import Lessons
from edgerec.shop.tower_training import Towers, request_vectors

__all__ = ["CANDIDATES", "Lists", "RankerTask", "make_lists", "ranker_settings"]

CANDIDATES = 200
VISITS_AT_ONCE = 256
BATCH = 64
SAMPLED = 48
Visits = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """What was retrieved on some visits, :data:`CANDIDATES` items each, best first.

    Parameters
    ----------
    user, query : (visits, dim) float32
    items : (visits, CANDIDATES) int64
    pair : (visits, CANDIDATES, p) float32
    gains : (visits, CANDIDATES) float32
        Of each item; 0 for one that was not clicked.
    missed : tuple of (m,) float32
        Gains of the clicked items that were not retrieved, visit by visit.
    """

    user: torch.Tensor
    query: torch.Tensor
    items: NDArray[np.int64]
    pair: NDArray[np.float32]
    gains: NDArray[np.float32]
    missed: tuple[NDArray[np.float32], ...]

    def __len__(self) -> int:
        return len(self.items)


class RankerTask:
    """Softmax over some of each visit's candidates, weighted by gain."""

    def __init__(self, lessons: Lessons, vectors: torch.Tensor, train: Lists, check: Lists) -> None:
        self.lessons, self.vectors, self.train, self.check = lessons, vectors, train, check

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[Visits, NDArray[np.int64]]]:
        """Shuffle the visits with a click to learn from, and sample candidates of each."""
        useful = np.flatnonzero(self.train.gains.any(axis=1))
        order = rng.permutation(useful)
        for start in range(0, len(order), BATCH):
            visits = order[start : start + BATCH]
            keys = rng.random((len(visits), CANDIDATES)) + 2 * (self.train.gains[visits] > 0)
            yield visits, np.argsort(-keys, axis=1)[:, :SAMPLED]

    def loss(self, model: DCN, batch: tuple[Visits, NDArray[np.int64]]) -> torch.Tensor:
        """Cross-entropy of each list, its gains taken as shares."""
        visits, places = batch
        scores = self.scores(model, self.train, visits, places)
        gains = torch.from_numpy(np.take_along_axis(self.train.gains[visits], places, axis=1))
        shares = gains / gains.sum(dim=1, keepdim=True)
        return -(shares * torch.log_softmax(scores, dim=1)).sum(dim=1).mean()

    def validate(self, model: DCN) -> float:
        """Give NDCG@10 of the visits that are not learned from."""
        return float(list_ndcg(self, model, self.check).mean())

    def scores(
        self, model: DCN, lists: Lists, visits: Visits, places: NDArray[np.int64]
    ) -> torch.Tensor:
        """Score the candidates at ``places`` (n, s) of ``visits`` (n,): (n, s) float32."""
        items = np.take_along_axis(lists.items[visits], places, axis=1).reshape(-1)
        pair = np.take_along_axis(lists.pair[visits], places[..., None], axis=1)
        *_, dense = self.lessons.item(items)
        scores: torch.Tensor = model(
            lists.user[visits].repeat_interleave(places.shape[1], dim=0),
            lists.query[visits].repeat_interleave(places.shape[1], dim=0),
            self.vectors[torch.from_numpy(items)],
            dense,
            torch.from_numpy(pair.reshape(-1, pair.shape[2])),
        )
        return scores.reshape(places.shape)


def list_ndcg(task: RankerTask, model: DCN, lists: Lists) -> NDArray[np.float64]:
    """NDCG@10 of each visit; what was not retrieved counts against it."""
    values = np.zeros(len(lists))
    for start in range(0, len(lists), BATCH):
        visits = np.arange(start, min(start + BATCH, len(lists)))
        every = np.broadcast_to(np.arange(CANDIDATES), (len(visits), CANDIDATES))
        with torch.no_grad():
            scores = task.scores(model, lists, visits, every).numpy()
        for visit, row in zip(visits, scores, strict=True):
            wanted = np.flatnonzero(lists.gains[visit])
            missed = lists.missed[visit]
            ranks = np.append(ranks_of(row, wanted), np.full(len(missed), CANDIDATES + 1))
            values[visit] = ndcg(ranks, np.append(lists.gains[visit][wanted], missed), 10)
    return values


def ranker_settings(spec: FeatureSpec) -> DCNSettings:
    """Fit the ranker to the features."""
    return DCNSettings(dim=spec.dim, numbers=len(spec.dense), pairs=len(PAIR_FEATURES))


def make_lists(towers: Towers, vectors: torch.Tensor, lessons: Lessons, visits: Visits) -> Lists:
    """Retrieve as serving does: by the query, or by the user without what they clicked before.

    ``vectors`` (items + 1, dim) float32: the items and, last, a row of zeros.
    """
    parts = [
        _retrieve(towers, vectors, lessons, visits[start : start + VISITS_AT_ONCE])
        for start in range(0, len(visits), VISITS_AT_ONCE)
    ]
    user, query, items = (list(column) for column in zip(*parts, strict=True))
    found = np.concatenate(items)
    gains, missed = _gains(lessons, visits, found)
    users, queries = torch.cat(user), torch.cat(query)
    return Lists(
        user=users,
        query=queries,
        items=found,
        pair=_pairs(lessons, vectors, visits, found, users.numpy(), queries.numpy()),
        gains=gains,
        missed=missed,
    )


def _retrieve(
    towers: Towers, vectors: torch.Tensor, lessons: Lessons, visits: Visits
) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]]:
    search, user, query = request_vectors(towers, lessons, visits, vectors)
    scores = search @ vectors.T
    browsing = np.flatnonzero(lessons.query[visits] < 0)
    seen = torch.from_numpy(lessons.history[visits[browsing]])
    scores[torch.from_numpy(browsing)[:, None], seen] = -torch.inf
    scores[:, -1] = -torch.inf
    return user, query, scores.topk(CANDIDATES).indices.numpy()


def _gains(
    lessons: Lessons, visits: Visits, items: NDArray[np.int64]
) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...]]:
    clicked, worth = lessons.clicked[visits], lessons.gains[visits]
    hits = clicked[:, :, None] == items[:, None, :]
    gains = (hits * worth[:, :, None]).sum(axis=1, dtype=np.float32)
    missed = (clicked >= 0) & ~hits.any(axis=2)
    return gains, tuple(row[lost] for row, lost in zip(worth, missed, strict=True))


def _pairs(
    lessons: Lessons,
    vectors: torch.Tensor,
    visits: Visits,
    items: NDArray[np.int64],
    users: NDArray[np.float32],
    queries: NDArray[np.float32],
) -> NDArray[np.float32]:
    table, category = vectors.numpy(), lessons.category.numpy()
    brand, price = lessons.brand.numpy(), lessons.dense.numpy()[:, 0]
    pairs = np.empty((*items.shape, len(PAIR_FEATURES)), np.float32)
    for place, visit in enumerate(visits):
        past = lessons.history[visit][lessons.history[visit] >= 0]
        rows = items[place]
        pairs[place] = pair_features(
            lessons.spec,
            user=users[place],
            query=queries[place] if lessons.query[visit] >= 0 else None,
            vectors=table[rows],
            categories=category[rows],
            brands=brand[rows],
            prices=price[rows],
            history=HistoryProfile(table[past], category[past], brand[past], price[past]),
        )
    return pairs
