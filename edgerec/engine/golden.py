"""Golden requests: a few answers kept in the bundle, to be given again wherever it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgerec.errors import QualityLost
from edgerec.values.results import Results

__all__ = ["Replay", "golden_requests", "replay"]

Ask = Callable[[Mapping[str, Any]], Results]
LEAST_OVERLAP = 0.9
"""Another CPU may round differently and swap neighbours; losing one answer in ten is not that."""


@dataclass(frozen=True, slots=True)
class Replay:
    """How the golden requests went: their number and the mean overlap of the answers, 0 to 1."""

    requests: int
    overlap: float


def golden_requests(ask: Ask, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Requests with the ids that answer them now, JSON-ready."""
    return [{"request": dict(request), "ids": list(ask(request).ids)} for request in requests]


def replay(ask: Ask, golden: Sequence[Mapping[str, Any]]) -> Replay:
    """Ask every golden request again.

    Raises
    ------
    QualityLost
        The answers overlap by less than 0.9 on average.
    """
    overlaps = [_overlap(ask(entry["request"]).ids, entry["ids"]) for entry in golden]
    overlap = sum(overlaps) / len(overlaps) if overlaps else 1.0
    if overlap < LEAST_OVERLAP:
        raise QualityLost(
            f"golden requests: the answers overlap by {overlap:.0%} with those at build time, "
            f"wanted {LEAST_OVERLAP:.0%}. The engines or the CPU compute something else: build again "
            "here, or report it with the output of `edgerec doctor`"
        )
    return Replay(len(golden), overlap)


def _overlap(now: Sequence[str], then: Sequence[str]) -> float:
    return len(set(now) & set(then)) / max(len(now), len(then), 1)
