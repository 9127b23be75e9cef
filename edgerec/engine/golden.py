"""Golden requests: a few answers kept in the bundle, to be given again wherever it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgerec.backends.session import Session
from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.engine.asking import Asking
from edgerec.engine.recommend import recommend
from edgerec.engine.search import search
from edgerec.engine.serving import Serving
from edgerec.errors import QualityLost
from edgerec.values.results import Results
from edgerec.values.signature import Arrays

__all__ = ["Replay", "ask", "golden_requests", "replay", "replay_inputs", "write_golden_inputs"]

Ask = Callable[[Mapping[str, Any]], Results]
OUTPUT_TOLERANCE = 0.01
LEAST_OVERLAP = 0.9
"""Another CPU may round differently and swap neighbours; losing one answer in ten is not that."""


@dataclass(frozen=True, slots=True)
class Replay:
    """How the golden requests went: their number and the mean overlap of the answers, 0 to 1."""

    requests: int
    overlap: float


def ask(serving: Serving, request: Mapping[str, Any]) -> Results:
    """Answer ``{"task": "recommend", "history": …, "k": …}``, or "search" with a "query"."""
    asking = Asking(history=request["history"], k=request["k"])
    if request["task"] == "search":
        return search(serving, request["query"], asking)
    return recommend(serving, asking)


def golden_requests(
    serving: Serving, requests: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Requests with the ids that answer them now, JSON-ready."""
    return [{"request": dict(r), "ids": list(ask(serving, r).ids)} for r in requests]


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
            f"wanted {LEAST_OVERLAP:.0%}. The engines or the CPU compute something else: build "
            "again here, or report it with the output of `edgerec doctor`"
        )
    return Replay(len(golden), overlap)


def _overlap(now: Sequence[str], then: Sequence[str]) -> float:
    return len(set(now) & set(then)) / max(len(now), len(then), 1)


def write_golden_inputs(writer: BundleWriter, session: Session, inputs: Arrays) -> dict[str, Any]:
    """Keep one request of a model and its outputs now; returns the section ``golden``.

    Parts are numbered: a tensor's name may hold what a part's may not.
    """
    outputs = session.run(inputs)
    for place, array in enumerate(inputs.values()):
        writer.add_array(f"golden/inputs/{place}", "array", array)
    for place, array in enumerate(outputs.values()):
        writer.add_array(f"golden/outputs/{place}", "array", array)
    return {"inputs": list(inputs), "outputs": list(outputs)}


def replay_inputs(bundle: Bundle, session: Session, golden: Mapping[str, Sequence[str]]) -> Replay:
    """Run a model's golden request again.

    Raises
    ------
    QualityLost
        An output differs by more than a hundredth of its largest value.
    """
    names = enumerate(golden["inputs"])
    outputs = session.run({name: bundle.array(f"golden/inputs/{place}") for place, name in names})
    for place, name in enumerate(golden["outputs"]):
        now, then = outputs[name], bundle.array(f"golden/outputs/{place}")
        limit = OUTPUT_TOLERANCE * float(np.abs(then).max(initial=1))
        if now.shape != then.shape or not np.allclose(now, then, rtol=0, atol=limit):
            raise QualityLost(
                f"golden request: output {name!r} is not what it was at build time, within "
                f"{limit:.3g}; compile the model again here"
            )
    return Replay(1, 1.0)
