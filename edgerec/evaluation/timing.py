"""Times of several callables, interleaved so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Timing", "time_interleaved"]

Request = TypeVar("Request")


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """Wall-clock times of single calls, and the CPU they took.

    ``samples_us`` (calls,) float64, in the order of the calls; ``cpu_us`` CPU time a call of the
    whole process: the mean of each round, and of those the median.
    """

    samples_us: NDArray[np.float64]
    cpu_us: float

    def percentile(self, q: float) -> float:
        """Percentile of the sample in microseconds, ``q`` in [0, 100]."""
        return float(np.percentile(self.samples_us, q))


def time_interleaved(
    calls: Mapping[str, Callable[[Request], object]],
    requests: Sequence[Request],
    *,
    rng: np.random.Generator,
    rounds: int = 5,
    warmup: int = 3,
) -> dict[str, Timing]:
    """Time every call on every request, ``rounds`` times, in an order shuffled anew each round.

    Each round runs all requests through one callable before the next takes its turn, so that each
    keeps its own caches warm, as it would alone in a server.
    """
    for call in calls.values():
        for request in requests[: max(1, warmup)]:
            call(request)
    samples: dict[str, list[float]] = {name: [] for name in calls}
    cpu_us: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for place in rng.permutation(len(names)):
                name = names[place]
                cpu_ns = _run(calls[name], requests, samples[name])
                cpu_us[name].append(cpu_ns / 1000 / len(requests))
    finally:
        if enabled:
            gc.enable()
    return {name: Timing(np.array(samples[name]), float(np.median(cpu_us[name]))) for name in names}


def _run(
    call: Callable[[Request], object], requests: Sequence[Request], samples: list[float]
) -> int:
    """Append each call's microseconds to ``samples``; return the CPU nanoseconds of all."""
    clock = time.perf_counter_ns
    cpu = time.process_time_ns()
    for request in requests:
        start = clock()
        call(request)
        samples.append((clock() - start) / 1000)
    return time.process_time_ns() - cpu
