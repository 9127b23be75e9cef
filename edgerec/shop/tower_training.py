"""How the towers of the shop learn: a click is near its shopper's history and its query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from edgerec.features.spec import FeatureSpec
from edgerec.models.two_tower import ItemTower, QueryTower, TextEncoder, TowerSettings, UserTower
from edgerec.shop.lessons import Lessons

__all__ = ["TowerTask", "Towers", "item_vectors", "request_vectors", "tower_settings"]

BATCH = 2048
ENCODED_AT_ONCE = 4096
REFRESHED_EVERY = 40
FORGOTTEN = 0.05
STEEPEST = 60.0
Visits = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Clicks:
    """Some clicks: visits (n,), items (n,), and the number of the batch in its epoch."""

    visits: Visits
    items: NDArray[np.int64]
    forgotten: NDArray[np.bool_]
    number: int


class Towers(nn.Module):
    """The three towers; items and queries share the embeddings of words and trigrams."""

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        text = TextEncoder(settings)
        self.item = ItemTower(settings, text)
        self.user = UserTower(settings)
        self.query = QueryTower(settings, text)
        self.steepness = nn.Parameter(torch.tensor(15.0).log())


class TowerTask:
    """Softmax over the items of a batch, corrected for how often each is clicked."""

    def __init__(self, lessons: Lessons, train: Visits, check: Visits) -> None:
        self.lessons, self.train, self.check = lessons, train, check
        counts = np.bincount(lessons.clicks(train)[1], minlength=lessons.items)
        self.log_share = torch.from_numpy(np.log((counts + 1) / counts.sum())).float()
        self.vectors = torch.zeros(lessons.items + 1, lessons.spec.dim)

    def batches(self, rng: np.random.Generator) -> Iterator[Clicks]:
        """Shuffle all clicks into batches."""
        visits, items = self.lessons.clicks(self.train)
        order = rng.permutation(len(visits))
        forgotten = rng.random(len(visits)) < FORGOTTEN
        for number, start in enumerate(range(0, len(order), BATCH)):
            at = order[start : start + BATCH]
            yield Clicks(visits[at], items[at], forgotten[at], number)

    def loss(self, model: Towers, batch: Clicks) -> torch.Tensor:
        """Cross-entropy of both towers, weighted by what each click was worth."""
        if batch.number % REFRESHED_EVERY == 0:
            self.refresh(model)
        rows, place = np.unique(batch.items, return_inverse=True)
        items = model.item(*self.lessons.item(rows))
        wanted = torch.from_numpy(place)
        typed = torch.from_numpy(self.lessons.query[batch.visits])
        history = self.lessons.history[batch.visits]
        history[batch.forgotten] = -1
        browsing, searching = typed < 0, typed >= 0
        asked = torch.zeros(len(typed), items.shape[1])
        asked[browsing] = model.user(self.vectors[torch.from_numpy(history)[browsing]])
        asked[searching] = model.query(self.lessons.text[typed[searching]])
        steepness = model.steepness.exp().clamp(max=STEEPEST)
        logits = steepness * asked @ items.T - self.log_share[torch.from_numpy(rows)]
        return functional.cross_entropy(logits, wanted)

    def refresh(self, model: Towers) -> None:
        """Encode all items anew for the histories; the last row, no item, stays 0."""
        self.vectors[:-1] = item_vectors(model.item, self.lessons)

    def validate(self, model: Towers) -> float:
        """Give the recall of the first 200, over visits that are not learned from."""
        self.refresh(model)
        found = []
        for start in range(0, len(self.check), 256):
            visits = self.check[start : start + 256]
            scores = request_vectors(model, self.lessons, visits, self.vectors)[0]
            best = (scores @ self.vectors[:-1].T).topk(200).indices.numpy()
            clicked = self.lessons.clicked[visits]
            hit = (clicked[:, :, None] == best[:, None, :]).any(axis=2)
            found.append(hit[clicked >= 0])
        return float(np.concatenate(found).mean())


def tower_settings(spec: FeatureSpec) -> TowerSettings:
    """Fit the towers to the features."""
    return TowerSettings(
        buckets=spec.text.buckets,
        categories=len(spec.categories) + 2,
        brands=spec.brand_buckets,
        numbers=len(spec.dense),
        dim=spec.dim,
    )


def item_vectors(tower: ItemTower, lessons: Lessons) -> torch.Tensor:
    """Encode all items, (items, dim) float32, without gradients."""
    with torch.no_grad():
        parts = [
            tower(*lessons.item(np.arange(start, min(start + ENCODED_AT_ONCE, lessons.items))))
            for start in range(0, lessons.items, ENCODED_AT_ONCE)
        ]
    return torch.cat(parts)


def request_vectors(
    model: Towers, lessons: Lessons, visits: Visits, vectors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Encode ``visits``: what the catalogue is searched with, the user and the query (else 0).

    ``vectors`` (items + 1, dim) float32: the items and, last, a row of zeros.
    """
    with torch.no_grad():
        user = model.user(vectors[torch.from_numpy(lessons.history[visits])])
        typed = torch.from_numpy(lessons.query[visits])
        query = torch.zeros_like(user)
        query[typed >= 0] = model.query(lessons.text[typed[typed >= 0]])
    return torch.where((typed >= 0)[:, None], query, user), user, query
