"""Items to rank: what the ranker's inputs are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.serving import Serving, encode_items
from edgerec.features.items import item_dense
from edgerec.features.pairs import HistoryProfile, ranker_inputs
from edgerec.features.spec import FeatureSpec

__all__ = ["Candidates"]

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Items row by row.

    Parameters
    ----------
    vectors : (n, dim) float32
    dense : (n, m) float32
        The numbers that the feature spec names.
    categories, brands : (n,) int32
        Codes of the catalogue, -1 for a word it has not seen.
    prices : (n,) float64
    """

    vectors: Vector
    dense: Vector
    categories: NDArray[np.int32]
    brands: NDArray[np.int32]
    prices: NDArray[np.float64]

    @classmethod
    def of_rows(cls, spec: FeatureSpec, snapshot: Snapshot, rows: NDArray[np.int32]) -> Candidates:
        """Look up rows of the catalogue."""
        dense = [snapshot.take(name, rows).astype(np.float32) for name in spec.dense]
        return cls(
            snapshot.vectors_of(rows),
            np.stack(dense, axis=1) if dense else np.zeros((len(rows), 0), np.float32),
            snapshot.take("category", rows),
            snapshot.take("brand", rows),
            snapshot.take("price", rows),
        )

    @classmethod
    def of_items(cls, serving: Serving, snapshot: Snapshot, items: Items) -> Candidates:
        """Encode items that the catalogue need not have."""
        return cls(
            encode_items(serving.sessions["item_tower"], serving.spec, items),
            item_dense(serving.spec, items),
            snapshot.codes("category", [str(word) for word in items.columns["category"]]),
            snapshot.codes("brand", [str(word) for word in items.columns["brand"]]),
            np.asarray(items.columns["price"], np.float64),
        )

    def ranker_inputs(
        self, spec: FeatureSpec, *, user: Vector, query: Vector | None, history: HistoryProfile
    ) -> dict[str, Vector]:
        """The ranker's inputs for these items and one request."""
        return ranker_inputs(
            spec,
            user=user,
            query=query,
            vectors=self.vectors,
            item_dense=self.dense,
            categories=self.categories,
            brands=self.brands,
            prices=self.prices,
            history=history,
        )

    def joined(self, other: Candidates) -> Candidates:
        """These items, then the others."""
        return Candidates(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.dense, other.dense]),
            np.concatenate([self.categories, other.categories]),
            np.concatenate([self.brands, other.brands]),
            np.concatenate([self.prices, other.prices]),
        )

    def take(self, places: NDArray[np.int64]) -> Candidates:
        """The items at ``places``, in that order."""
        return Candidates(
            self.vectors[places],
            self.dense[places],
            self.categories[places],
            self.brands[places],
            self.prices[places],
        )

    def __len__(self) -> int:
        return len(self.vectors)
