"""What a shopper and an item have to do with each other, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError
from edgerec.features.spec import FeatureSpec

__all__ = ["PAIR_FEATURES", "HistoryProfile", "pair_features", "ranker_inputs"]

PAIR_FEATURES = (
    "user_match",
    "query_match",
    "nearest",
    "likeness",
    "category_share",
    "category_latest",
    "brand_share",
    "price_gap",
)
"""Columns of :func:`pair_features`: inner product with the user's vector; with the query's; largest
inner product with an item of the history; mean one with those of the same category; share of the
history in the item's category; 1 if the last item is in it, else 0; share of the item's brand; log
price minus the mean log price of the history in that category. 0 where there is nothing to compare.
"""

Vectors = NDArray[np.float32]
Ids = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class HistoryProfile:
    """The items a shopper turned to, most recent last.

    Parameters
    ----------
    vectors : (h, dim) float32
    categories, brands : (h,) integers
    prices : (h,) floats >= 0
    """

    vectors: Vectors
    categories: Ids
    brands: Ids
    prices: NDArray[np.floating]

    def __post_init__(self) -> None:
        for name in ("categories", "brands", "prices"):
            if len(getattr(self, name)) != len(self.vectors):
                raise ShapeError(
                    f"a history of {len(self.vectors)} vectors has "
                    f"{len(getattr(self, name))} {name}"
                )

    @classmethod
    def empty(cls, dim: int) -> HistoryProfile:
        """Make the profile of a visitor nobody knows."""
        none = np.zeros(0, np.int64)
        return cls(np.zeros((0, dim), np.float32), none, none, np.zeros(0, np.float32))

    def latest(self, count: int) -> HistoryProfile:
        """Keep the last ``count`` items only."""
        start = max(0, len(self) - count)
        return HistoryProfile(
            self.vectors[start:], self.categories[start:], self.brands[start:], self.prices[start:]
        )

    def __len__(self) -> int:
        return len(self.vectors)


def pair_features(
    spec: FeatureSpec,
    *,
    user: Vectors,
    query: Vectors | None,
    vectors: Vectors,
    categories: Ids,
    brands: Ids,
    prices: NDArray[np.floating],
    history: HistoryProfile,
) -> Vectors:
    """Compare one shopper with ``n`` items.

    Parameters
    ----------
    user : (dim,) float32
    query : (dim,) float32, optional
    vectors : (n, dim) float32
    categories, brands : (n,) integers
        Ids as in ``history``: only whether two are equal matters.
    prices : (n,) floats >= 0
    history : HistoryProfile
        Of which the last ``spec.history_length`` items count.

    Returns
    -------
    (n, len(PAIR_FEATURES)) float32, finite; each row depends on its own item only.
    """
    pair = np.zeros((len(vectors), len(PAIR_FEATURES)), np.float32)
    pair[:, 0] = vectors @ user
    if query is not None:
        pair[:, 1] = vectors @ query
    history = history.latest(spec.history_length)
    if len(history):
        pair[:, 2:] = _compare(vectors, categories, brands, prices, history)
    return pair


def _compare(
    vectors: Vectors,
    categories: Ids,
    brands: Ids,
    prices: NDArray[np.floating],
    history: HistoryProfile,
) -> Vectors:
    products = vectors @ history.vectors.T
    same = (categories[:, None] == history.categories).astype(np.float32)
    count = np.maximum(same.sum(axis=1), 1)
    logs = np.log1p(history.prices).astype(np.float32)
    known = same.any(axis=1)
    gap = np.log1p(prices).astype(np.float32) - same @ logs / count
    return np.stack(
        [
            products.max(axis=1),
            (products * same).sum(axis=1) / count,
            same.mean(axis=1),
            same[:, -1],
            (brands[:, None] == history.brands).mean(axis=1, dtype=np.float32),
            np.where(known, gap, 0),
        ],
        axis=1,
    )


def ranker_inputs(
    spec: FeatureSpec,
    *,
    user: Vectors,
    query: Vectors | None,
    vectors: Vectors,
    item_dense: Vectors,
    categories: Ids,
    brands: Ids,
    prices: NDArray[np.floating],
    history: HistoryProfile,
) -> dict[str, Vectors]:
    """Prepare all inputs of a ranker for one request and ``n`` candidates.

    Returns
    -------
    dict
        ``user`` and ``query`` (1, dim) float32, zeros where there is no query; ``item`` (n, dim),
        ``item_dense`` (n, m) and ``pair`` (n, p) float32.
    """
    pair = pair_features(
        spec,
        user=user,
        query=query,
        vectors=vectors,
        categories=categories,
        brands=brands,
        prices=prices,
        history=history,
    )
    typed = np.zeros(spec.dim, np.float32) if query is None else query
    return {
        "user": user[None],
        "query": typed[None],
        "item": vectors,
        "item_dense": item_dense,
        "pair": pair,
    }
