"""How the towers of the shop learn: a click is near its shopper's history and its query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgerec.features.spec import FeatureSpec
from edgerec.models.two_tower import ItemTower, QueryTower, TextEncoder, TowerSettings, UserTower
from edgerec.shop.lessons import Lessons

__all__ = ["TowerTask", "Towers", "item_vectors", "request_vectors", "tower_settings"]

BATCH = 1024
DESCRIPTIONS = 384
ENCODED_AT_ONCE = 4096
REFRESHED_EVERY = 40
FORGOTTEN = 0.05
STEEPEST = 60.0
Visits = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some visits (n,), those whose history is forgotten (n,), some descriptions, a number."""

    visits: Visits
    forgotten: NDArray[np.bool_]
    descriptions: NDArray[np.int64]
    number: int


class Towers(nn.Module):
    """The three towers; items and queries share the embeddings of words and trigrams."""

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        text = TextEncoder(settings)
        self.item = ItemTower(settings, text)
        self.user = UserTower(settings)
        self.query = QueryTower(settings, text)
        self.steepness = nn.Parameter(torch.tensor(20.0).log())


class TowerTask:
    """Softmax over the items of a batch, corrected for how often each is clicked."""

    def __init__(self, lessons: Lessons, train: Visits, check: Visits) -> None:
        self.lessons, self.train, self.check = lessons, train, check
        counts = np.bincount(lessons.clicks(train)[1], minlength=lessons.items)
        self.log_share = torch.from_numpy(np.log((counts + 1) / counts.sum())).float()
        self.vectors = torch.zeros(lessons.items + 1, lessons.spec.dim)

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Shuffle the visits into batches."""
        order = rng.permutation(self.train)
        forgotten = rng.random(len(order)) < FORGOTTEN
        for number, start in enumerate(range(0, len(order), BATCH)):
            cut = slice(start, start + BATCH)
            some = rng.integers(0, len(self.lessons.describes), DESCRIPTIONS)
            yield Batch(order[cut], forgotten[cut], some, number)

    def loss(self, model: Towers, batch: Batch) -> torch.Tensor:
        """Cross-entropy of every click, and every description, among all items of the batch."""
        if batch.number % REFRESHED_EVERY == 0:
            self.refresh(model)
        visit, items = self.lessons.clicks(batch.visits)
        described = self.lessons.describes[batch.descriptions]
        request = np.append(visit, len(batch.visits) + np.arange(len(described)))
        rows, wanted = np.unique(np.append(items, described), return_inverse=True)
        asked = torch.cat([self.ask(model, batch), self.describe(model, batch)])
        logits = asked @ model.item(*self.lessons.item(rows)).T
        logits = logits * model.steepness.exp().clamp(max=STEEPEST)
        logs = torch.log_softmax(logits - self.log_share[torch.from_numpy(rows)], dim=1)
        return -logs[torch.from_numpy(request), torch.from_numpy(wanted)].mean()

    def ask(self, model: Towers, batch: Batch) -> torch.Tensor:
        """Encode the query of each visit, or its shopper: (visits, dim)."""
        typed = torch.from_numpy(self.lessons.query[batch.visits])
        history = self.lessons.history[batch.visits]
        history[batch.forgotten] = -1
        browsing, searching = typed < 0, typed >= 0
        asked = torch.zeros(len(typed), self.lessons.spec.dim)
        asked[browsing] = model.user(self.vectors[torch.from_numpy(history)[browsing]])
        asked[searching] = model.query(self.lessons.text[typed[searching]])
        return asked

    def describe(self, model: Towers, batch: Batch) -> torch.Tensor:
        """Encode the descriptions as queries: (descriptions, dim)."""
        text = self.lessons.described[torch.from_numpy(batch.descriptions)]
        vectors: torch.Tensor = model.query(text)
        return vectors

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
