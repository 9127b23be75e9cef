"""Everything that answers a shop's requests: read from a bundle, or put together to build one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.backends.session import Session
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.visitors import Visitors
from edgerec.errors import BackendError, BundleCorruptError, ValueRangeError
from edgerec.features.items import item_inputs
from edgerec.features.pairs import HistoryProfile
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import Vocabulary
from edgerec.retrieval.retriever import Retriever

__all__ = ["ITEM_BATCH", "Parts", "Settings", "encode_items", "with_defaults"]

ITEM_BATCH = 1024
"""Items that go through the item tower together, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a shop's requests are answered.

    Parameters
    ----------
    candidates : int in [1, 10000]
        Items that retrieval hands to the ranker; more where k asks for more.
    exclude_history : bool
        Whether ``recommend`` leaves out what the visitor has touched.
    popularity : str
        Number attribute that orders items for a visitor about whom nothing is known.
    """

    candidates: int = 200
    exclude_history: bool = False
    popularity: str = "popularity"

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= 10_000:
            raise ValueRangeError(f"candidates must lie in [1, 10000], got {self.candidates}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """Read what :meth:`to_dict` wrote."""
        try:
            return cls(**data)
        except TypeError as error:
            raise BundleCorruptError(f"manifest.json:$.sections.settings: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a shop's answers are made of.

    ``sessions`` holds ``item_tower``, ``user_tower``, ``query_tower`` and ``ranker``.
    """

    version: str
    catalog: Catalog
    retriever: Retriever
    spec: FeatureSpec
    vocabulary: Vocabulary
    visitors: Visitors
    settings: Settings
    sessions: Mapping[str, Session]

    def run(self, model: str, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The single output of a model.

        Raises
        ------
        BackendError
            It is not finite: the model overflows on inputs that are.
        """
        (array,) = self.sessions[model].run(inputs).values()
        if not np.isfinite(array).all():
            raise BackendError(
                f"{model} computed NaN or infinity from finite inputs on "
                f"{self.sessions[model].backend}; check the model with `edgerec verify`"
            )
        return array

    def profile(self, snapshot: Snapshot, rows: NDArray[np.int32]) -> HistoryProfile:
        """What the ranker compares candidates with: the items of a history."""
        if not rows.size:
            return HistoryProfile.empty(self.spec.dim)
        return HistoryProfile(
            snapshot.vectors_of(rows),
            snapshot.take("category", rows),
            snapshot.take("brand", rows),
            snapshot.take("price", rows),
        )


def encode_items(session: Session, spec: FeatureSpec, items: Items) -> NDArray[np.float32]:
    """Vectors of items, (n, dim) float32, in batches of 1024."""
    inputs = item_inputs(spec, items)
    batches: list[NDArray[np.float32]] = []
    for start in range(0, len(items), ITEM_BATCH):
        cut = slice(start, start + ITEM_BATCH)
        outputs = session.run({name: np.ascontiguousarray(a[cut]) for name, a in inputs.items()})
        batches.extend(outputs.values())
    return np.concatenate(batches)


def with_defaults(records: Sequence[Mapping[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    """Records of new items, which have no popularity yet."""
    return [{settings.popularity: 0, **record} for record in records]
