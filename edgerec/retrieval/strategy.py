"""What a search must reach, which index was chosen for that, and the figures that decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgerec.errors import BundleCorruptError, InvalidInput, ValueRangeError
from edgerec.retrieval.factory import Factory
from edgerec.retrieval.index import MAX_FOUND, Kind, check_k
from edgerec.retrieval.lists import Probing

__all__ = [
    "FaissSettings",
    "Filter",
    "ListSettings",
    "Measured",
    "SketchSettings",
    "Strategy",
    "Target",
]

Filter = Literal["none", "random", "clustered"]
AUTO = "auto"
MAX_OPTIMISM = 1000  # no score of a list overflows
NAMED = (AUTO, "exact", "sketch", "lists")


@dataclass(frozen=True, slots=True)
class Target:
    """What a search must reach.

    Parameters
    ----------
    k : int in [1, 10000]
        How many rows are asked for.
    recall : float in (0, 1]
        Share of the true best k that an approximate index must return, on average, with filters
        and without.
    exact_enough_us : float >= 0
        A median below which the exact scan is taken without trying anything else.
    max_memory : int >= 1, optional
        Bytes that an index may take, all but the original vectors: those are mapped, and only the
        last few rows of a search are read there.
    index : {"auto", "exact", "sketch", "lists"} or a factory string of FAISS
        The fastest that reaches the recall, or this one whatever it costs; see
        :class:`edgerec.retrieval.factory.Factory` for the strings, such as ``HNSW32``.

    Raises
    ------
    ValueRangeError
        One of them lies outside its range.
    """

    k: int = 100
    recall: float = 0.98
    exact_enough_us: float = 500.0
    max_memory: int | None = None
    index: str = AUTO

    def __post_init__(self) -> None:
        check_k(self.k)
        if not 0 < self.recall <= 1:
            raise ValueRangeError(f"recall must lie in (0, 1], got {self.recall}")
        if not self.exact_enough_us >= 0:
            raise ValueRangeError(f"exact_enough_us must be >= 0, got {self.exact_enough_us}")
        if self.max_memory is not None and not self.max_memory >= 1:
            raise ValueRangeError(f"max_memory must be at least one byte, got {self.max_memory}")
        if self.index not in NAMED:
            try:
                Factory.parse(self.index)
            except InvalidInput as error:
                raise ValueRangeError(
                    f"index must be one of {', '.join(NAMED)}, or FAISS' factory string: {error}"
                ) from error

    @property
    def factory(self) -> Factory | None:
        """What FAISS is asked for, None where it is not."""
        return None if self.index in NAMED else Factory.parse(self.index)

    def admits(self, kind: Kind) -> bool:
        """Whether an index of this kind may be chosen."""
        if kind == "faiss":
            return self.factory is not None
        return self.index in (AUTO, kind)


@dataclass(frozen=True, slots=True)
class SketchSettings:
    """How far a search in sketches goes: ``shortlist`` in [1, 30000]."""

    shortlist: int

    def __post_init__(self) -> None:
        if type(self.shortlist) is not int or not 1 <= self.shortlist <= MAX_FOUND:
            raise ValueRangeError(f"shortlist must lie in [1, {MAX_FOUND}], got {self.shortlist!r}")


@dataclass(frozen=True, slots=True)
class ListSettings:
    """How lists are ranked and how far a search in them goes.

    Parameters
    ----------
    probing : Probing
    optimism : float in [0, 1000]
        See :class:`edgerec.retrieval.routing.Router`.
    residual : float >= 0
        Mean square of what the rows differed from their centroids when these were trained; what
        rows that come later differ is compared with it.
    """

    probing: Probing
    optimism: float
    residual: float

    def __post_init__(self) -> None:
        if not 0 <= self.optimism <= MAX_OPTIMISM:
            raise ValueRangeError(f"optimism must lie in [0, {MAX_OPTIMISM}], got {self.optimism}")
        if not self.residual >= 0:
            raise ValueRangeError(f"residual must be >= 0, got {self.residual}")


@dataclass(frozen=True, slots=True)
class FaissSettings:
    """An index of FAISS and how far a search in it goes.

    Parameters
    ----------
    factory : str
        A factory string that is allowed.
    effort : int >= 1
        Lists that are looked into, or the length of the beam in a graph.
    shortlist : int in [1, 30000]
        Rows that FAISS proposes.
    """

    factory: str
    effort: int
    shortlist: int

    def __post_init__(self) -> None:
        Factory.parse(self.factory)
        if type(self.effort) is not int or not self.effort >= 1:
            raise ValueRangeError(f"effort must be a positive integer, got {self.effort!r}")
        SketchSettings(self.shortlist)


Settings = SketchSettings | ListSettings | FaissSettings | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to answer, on the sample.

    Parameters
    ----------
    kind : {"exact", "sketch", "lists", "faiss"}
    settings : str
        In words.
    filter : {"none", "random", "clustered"}
        The eligible rows: all of them, some drawn at random, or those nearest to some row.
    selectivity : float in (0, 1]
        Share of the rows that was eligible.
    recall : float in [0, 1]
        Mean share of the true best k that came back.
    recall_error : float >= 0
        Its standard error, over the queries.
    median_us, p90_us : float
        Time of one search, on one thread.
    bytes_an_item : float
        What the index takes, all but the original vectors.
    """

    kind: Kind
    settings: str
    filter: Filter
    selectivity: float
    recall: float
    recall_error: float
    median_us: float
    p90_us: float
    bytes_an_item: float

    def reaches(self, recall: float) -> bool:
        """Whether ``recall`` lies a standard error below what was measured, or is that exactly."""
        return self.recall - self.recall_error >= recall


@dataclass(frozen=True, slots=True)
class Strategy:
    """The choice and its evidence.

    Parameters
    ----------
    kind : {"exact", "sketch", "lists", "faiss"}
    rows, dim : int
        Size of the catalogue that was measured.
    target : Target
    reason : str
        One sentence.
    settings : SketchSettings, ListSettings, FaissSettings, or None for the exact scan
    exact_below : float in [0, 1]
        Queries whose filter leaves a smaller share of the live rows are answered by the exact
        scan, which skips what is not eligible.
    evidence : tuple of Measured

    Raises
    ------
    ValueRangeError
        They do not fit together.
    """

    kind: Kind
    rows: int
    dim: int
    target: Target
    reason: str
    settings: Settings = None
    exact_below: float = 0.0
    evidence: tuple[Measured, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in SETTINGS:
            raise ValueRangeError(f"kind must be one of {', '.join(SETTINGS)}, got {self.kind!r}")
        if type(self.settings) is not SETTINGS[self.kind]:
            raise ValueRangeError(f"{self.settings} are no settings of the index {self.kind!r}")
        if type(self.rows) is not int or type(self.dim) is not int:
            raise ValueRangeError("rows and dim must be integers")
        if not 0 <= self.exact_below <= 1:
            raise ValueRangeError(f"exact_below must lie in [0, 1], got {self.exact_below}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; :meth:`from_dict` reads it back."""
        return {**asdict(self), "evidence": [asdict(measured) for measured in self.evidence]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Strategy:
        """Read what :meth:`to_dict` wrote; BundleCorruptError says what is wrong."""
        try:
            given = {
                "target": Target(**data["target"]),
                "settings": _settings_from(data["kind"], data["settings"]),
                "evidence": tuple(Measured(**entry) for entry in data["evidence"]),
            }
            return cls(**{**data, **given})
        except (KeyError, TypeError, InvalidInput) as error:
            raise BundleCorruptError(f"not a retrieval strategy: {error}") from error


SETTINGS: dict[str, type[Any]] = {
    "exact": type(None),
    "sketch": SketchSettings,
    "lists": ListSettings,
    "faiss": FaissSettings,
}


def _settings_from(kind: str, data: Mapping[str, Any] | None) -> Settings:
    if data is None:
        return None
    if kind == "lists":
        return ListSettings(**{**data, "probing": Probing(**data["probing"])})
    if kind == "faiss":
        return FaissSettings(**data)
    return SketchSettings(**data)
