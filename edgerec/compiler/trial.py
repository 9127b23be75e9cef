"""One variant at work: its session, its quality and its times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.compiler.gate import Verdict
from edgerec.evaluation.timing import Timing, time_interleaved
from edgerec.values.model import Model
from edgerec.values.plan import Measurement, Variant
from edgerec.values.signature import Arrays

__all__ = ["P99_SAMPLES", "Runner", "open_runner", "time_runners"]

ROUNDS = 5
P99_SAMPLES = 459
"""The largest of so many times lies above the 99th percentile at a confidence of 0.99."""


@dataclass(slots=True, eq=False)
class Runner:
    """A variant that runs here; what has been learned of it so far."""

    variant: Variant
    model: Model
    session: Session
    searched: Verdict | None = None
    confirmed: Verdict | None = None
    timing: Timing | None = None

    @property
    def cost(self) -> float:
        """CPU seconds a thousand requests; infinite before it was timed."""
        return self.timing.cpu_us / 1000 if self.timing else float("inf")

    def measurement(self) -> Measurement:
        """What was measured, on unseen requests where it was confirmed on those."""
        verdict = self.confirmed or self.searched
        assert verdict is not None
        assert self.timing is not None
        return Measurement(
            quality=verdict.quality,
            difference=verdict.difference,
            p50_us=self.timing.percentile(50),
            p99_us=self.timing.percentile(99),
            samples=len(self.timing.samples_us),
            cpu_s_per_1000=self.cost,
            size_bytes=self.model.size_bytes,
            confirmed=self.confirmed is not None,
        )


def open_runner(variant: Variant, model: Model) -> Runner:
    """Open a variant's model on its backend; the engine is built when it first runs.

    Raises
    ------
    BackendError
        The engine refuses the model.
    """
    session = backend(variant.backend).open(model.graph, model.signature, threads=variant.threads)
    return Runner(variant, model, session)


def time_runners(
    runners: Sequence[Runner],
    requests: Sequence[Arrays],
    *,
    rng: np.random.Generator,
    samples: int = 0,
) -> None:
    """Time all runners together, interleaved, ``samples`` times or more, and note the times."""
    calls = {str(place): runner.session.run for place, runner in enumerate(runners)}
    rounds = max(ROUNDS, math.ceil(samples / len(requests)))
    timings = time_interleaved(calls, requests, rng=rng, rounds=rounds)
    for place, runner in enumerate(runners):
        runner.timing = timings[str(place)]
