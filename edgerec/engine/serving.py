"""Everything that answers a shop's requests: read from a bundle, or put together to build one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.backends.session import Session
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.engine.pace import Pace
from edgerec.engine.visitors import Visitors
from edgerec.errors import BackendError, SignatureError, UnknownAttribute, ValueRangeError
from edgerec.features.items import item_inputs
from edgerec.features.pairs import HistoryProfile
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import Vocabulary
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.upkeep import Upkeep

__all__ = ["ITEM_BATCH", "MODELS", "Serving", "Settings", "encode_items"]

MODELS = ("item_tower", "user_tower", "query_tower", "ranker")
ITEM_BATCH = 1024
"""Items that go through the item tower together, so that memory stays bounded."""
Vector = NDArray[np.float32]


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
        given: tuple[object, ...] = (self.candidates, self.exclude_history, self.popularity)
        kinds = (int, bool, str)
        names = ("candidates", "exclude_history", "popularity")
        for name, kind, value in zip(names, kinds, given, strict=True):
            if type(value) is not kind:
                raise ValueRangeError(f"{name} wants {kind.__name__}, got {value!r}")
        if not 1 <= self.candidates <= 10_000:
            raise ValueRangeError(f"candidates must lie in [1, 10000], got {self.candidates}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; the keyword arguments that make it again."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """What a shop's answers are made of; ``sessions`` holds one for each of :data:`MODELS`.

    Raises
    ------
    SignatureError
        A model is missing.
    ValueRangeError
        The catalogue's vectors have another length than the features say.
    UnknownAttribute
        The catalogue lacks a number that the features or the settings name.
    """

    version: str
    catalog: Catalog
    retriever: Retriever
    spec: FeatureSpec
    vocabulary: Vocabulary
    visitors: Visitors
    settings: Settings
    sessions: Mapping[str, Session]
    pace: Pace = field(default_factory=Pace)
    upkeep: Upkeep | None = None
    """Compacts the catalogue when changes have worn it; None to leave that to the caller."""

    def __post_init__(self) -> None:
        missing = [name for name in MODELS if name not in self.sessions]
        if missing:
            raise SignatureError(f"a shop needs the models {', '.join(missing)} too")
        now = self.catalog.snapshot()
        if now.dim != self.spec.dim:
            raise ValueRangeError(f"vectors have length {now.dim}, features.dim is {self.spec.dim}")
        numbers = {attribute.name for attribute in now.schema if attribute.kind == "number"}
        lacking = {"price", self.settings.popularity, *self.spec.dense} - numbers
        if lacking:
            raise UnknownAttribute(
                f"the catalogue has no numbers {', '.join(sorted(lacking))}; it has "
                f"{', '.join(sorted(numbers))}"
            )

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

    def user_vector(self, history: HistoryProfile) -> Vector:
        """The user tower's vector of a history, (dim,) float32; an empty one has a vector too."""
        vectors = self.run("user_tower", user_inputs(self.spec, history.vectors))
        return vectors.reshape(-1)

    def query_vector(self, query: str) -> Vector:
        """The query tower's vector of a text, (dim,) float32."""
        return self.run("query_tower", query_inputs(self.spec, query)).reshape(-1)

    def run(self, model: str, inputs: Mapping[str, NDArray[Any]]) -> Vector:
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
                f"{self.sessions[model].backend}; check the bundle with `edgerec verify`"
            )
        return np.ascontiguousarray(array, np.float32)


def encode_items(session: Session, spec: FeatureSpec, items: Items) -> Vector:
    """Vectors of items, (n, dim) float32, in batches of 1024."""
    if not len(items):
        return np.zeros((0, spec.dim), np.float32)
    inputs = item_inputs(spec, items)
    batches: list[Vector] = []
    for start in range(0, len(items), ITEM_BATCH):
        cut = slice(start, start + ITEM_BATCH)
        outputs = session.run({name: np.ascontiguousarray(a[cut]) for name, a in inputs.items()})
        batches.extend(outputs.values())
    return np.concatenate(batches)
