"""The shop as tensors to learn from: items, queries, histories and clicks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgerec.features.items import item_inputs
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import ngram_ids
from edgerec.shop.data import items_of
from edgerec.shop.generator import Shop
from edgerec.shop.histories import histories

__all__ = ["Lessons", "make_lessons"]

Rows = NDArray[np.integer]
DESCRIBED = 2
LONGEST_DESCRIPTION = 4


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """A shop's items and visits as a model sees them.

    Parameters
    ----------
    spec : FeatureSpec
    title : (items, length) int64; category, brand : (items,) int64; dense : (items, m) float32
        Inputs of an item tower.
    text : (searches, length) int64
        Inputs of a query tower.
    described : (descriptions, length) int64; describes : (descriptions,) int64
        Some words of an item's title as inputs of a query tower, and the item.
    query : (visits,) int64
        Place in ``text``, -1 where nothing was typed.
    history : (visits, history_length) int64
        Items clicked before, most recent last; -1 in front.
    clicked : (visits, clicks) int64; gains : (visits, clicks) float32
        Items, -1 beyond the last; 1 for a click, 2 for a purchase, 0 beyond.
    """

    spec: FeatureSpec
    title: torch.Tensor
    category: torch.Tensor
    brand: torch.Tensor
    dense: torch.Tensor
    text: torch.Tensor
    described: torch.Tensor
    describes: NDArray[np.int64]
    query: NDArray[np.int64]
    history: NDArray[np.int64]
    clicked: NDArray[np.int64]
    gains: NDArray[np.float32]

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.category)

    def item(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give the inputs of an item tower for ``rows``."""
        at = torch.from_numpy(rows)
        return self.title[at], self.category[at], self.brand[at], self.dense[at]

    def clicks(self, visits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """List all clicks of ``visits``: the place of the visit, and the item, of each."""
        clicked = self.clicked[visits]
        place, slot = np.nonzero(clicked >= 0)
        return place, clicked[place, slot]


def make_lessons(shop: Shop, spec: FeatureSpec, *, seed: int = 0) -> Lessons:
    """Turn ``shop`` into tensors by the features that serving uses."""
    describes, descriptions = _descriptions(shop.products.titles, np.random.default_rng(seed))
    inputs = {n: torch.from_numpy(array) for n, array in item_inputs(spec, items_of(shop)).items()}
    searching = np.flatnonzero(shop.visits.searching)
    query = np.full(len(shop.visits), -1)
    query[searching] = np.arange(len(searching))
    clicked = shop.visits.clicked
    return Lessons(
        spec=spec,
        title=inputs["title"],
        category=inputs["category"],
        brand=inputs["brand"],
        dense=inputs["dense"],
        text=torch.from_numpy(ngram_ids([text for text in shop.queries if text], spec.text)),
        described=torch.from_numpy(ngram_ids(descriptions, spec.text)),
        describes=describes,
        query=query,
        history=histories(shop.visits, spec.history_length),
        clicked=clicked,
        gains=np.where(clicked >= 0, 1.0 + shop.visits.purchased, 0.0).astype(np.float32),
    )


def _descriptions(
    titles: Sequence[str], rng: np.random.Generator
) -> tuple[NDArray[np.int64], list[str]]:
    """Pick one to :data:`LONGEST_DESCRIPTION` words of every title, :data:`DESCRIBED` times."""
    describes = np.repeat(np.arange(len(titles)), DESCRIBED)
    lengths = rng.integers(1, LONGEST_DESCRIPTION + 1, len(describes)).tolist()
    descriptions = []
    for item, length in zip(describes.tolist(), lengths, strict=True):
        words = titles[item].split()
        descriptions.append(" ".join(rng.permutation(words)[:length]))
    return describes, descriptions
