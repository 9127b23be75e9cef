"""What a run of the benchmark was asked for, and what a part of it gives back."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.figures import Figure
from bench.retrieval.timing import Flush

__all__ = ["Outcome", "Run", "Spent"]


@dataclass(frozen=True, slots=True)
class Run:
    """Rounds, clock and seed."""

    rounds: int = 7
    clock: str = "wall"
    seed: int = 0
    flush: Callable[[], None] = field(default_factory=Flush)

    def rng(self) -> np.random.Generator:
        """Give a generator, the same for every part of the run."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures, and what else should be kept."""

    figures: list[Figure]
    details: Mapping[str, Any]

    def as_record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"figures": [asdict(f) for f in self.figures], "details": dict(self.details)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Outcome:
        """Read what :meth:`as_record` gave."""
        return cls([Figure(**figure) for figure in record["figures"]], record["details"])


class Spent:
    """What a part costs, from when this is made."""

    def __init__(self) -> None:
        self._began, self._start = datetime.now(UTC), time.perf_counter()

    def record(self) -> dict[str, Any]:
        """As JSON keeps it; the memory is the most that the process ever had."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {
            "began": self._began.isoformat(timespec="seconds"),
            "minutes": round((time.perf_counter() - self._start) / 60, 2),
            "peak_gb": round(peak / 1e9, 2),
        }
