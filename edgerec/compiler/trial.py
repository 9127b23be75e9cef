"""One variant at work: its sessions, its quality and its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.compiler.gate import Verdict
from edgerec.compiler.variants import Made
from edgerec.evaluation.timing import Timing, time_interleaved
from edgerec.values.model import Model
from edgerec.values.plan import Measurement, Variant
from edgerec.values.signature import Arrays

__all__ = ["Runner", "open_runner", "time_runners"]

ROUNDS = 5


@dataclass(slots=True, eq=False)
class Runner:
    """A variant that runs here; what has been learned of it so far."""

    variant: Variant
    model: Model
    session: Session
    values: NDArray[np.float64] | None = None
    verdict: Verdict | None = None
    timing: Timing | None = None

    @property
    def cost(self) -> float:
        """CPU seconds a thousand requests; infinite before it was timed."""
        return self.timing.cpu_us / 1000 if self.timing else float("inf")

    def measurement(self) -> Measurement | None:
        """What was measured; None while something is missing."""
        if self.values is None or self.verdict is None or self.timing is None:
            return None
        return Measurement(
            quality=float(self.values.mean()),
            difference=self.verdict.difference,
            p50_us=self.timing.percentile(50),
            p99_us=self.timing.percentile(99),
            samples=len(self.timing.samples_us),
            cpu_s_per_1000=self.cost,
            size_bytes=self.model.size_bytes,
        )


def open_runner(made: Made) -> Runner:
    """Compile a variant's model on its backend.

    Raises
    ------
    BackendError
        The engine refuses the model.
    """
    assert made.model is not None
    variant = made.variant
    session = backend(variant.backend).open(
        made.model.graph, made.model.signature, threads=variant.threads
    )
    return Runner(variant, made.model, session)


def time_runners(
    runners: Sequence[Runner], requests: Sequence[Arrays], *, rng: np.random.Generator
) -> None:
    """Time all runners together, interleaved, and note each one's times."""
    calls = {str(place): runner.session.run for place, runner in enumerate(runners)}
    timings = time_interleaved(calls, requests, rng=rng, rounds=ROUNDS)
    for place, runner in enumerate(runners):
        runner.timing = timings[str(place)]
