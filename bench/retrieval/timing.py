"""Turns in shuffled order, with the cache flushed before each; medians and tails of many calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLOCKS", "Flush", "Times", "timed", "turns"]

Call = Callable[[], object]
CLOCKS = {"wall": time.perf_counter_ns, "cpu": time.thread_time_ns}
"""The wall's clock, or for a shared machine the time that this thread had a core."""


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Microseconds of every call, and the median of each round."""

    calls: NDArray[np.float64]
    rounds: NDArray[np.float64]

    @property
    def median(self) -> float:
        """Median of the rounds' medians."""
        return float(np.median(self.rounds))

    @property
    def p99(self) -> float:
        """99th percentile over all calls."""
        return float(np.percentile(self.calls, 99))

    @property
    def spread(self) -> str:
        """Least and largest median of a round."""
        return f"{self.rounds.min():.4g} to {self.rounds.max():.4g}"

    @property
    def record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"median_us": self.median, "p99_us": self.p99, "spread_us": self.spread}


class Flush:
    """Reads more than the last-level cache holds, so that each turn begins with its own misses."""

    def __init__(self, n_bytes: int | None = None) -> None:
        self.buffer = np.ones((n_bytes or _beyond_the_cache()) // 8, np.int64)

    def __call__(self) -> None:
        """Read all of it."""
        self.buffer.sum()


def turns(
    contenders: Mapping[str, Callable[[int], list[Call]]],
    *,
    rounds: int,
    rng: np.random.Generator,
    flush: Callable[[], None],
    clock: str = "wall",
) -> dict[str, Times]:
    """Let contenders take turns: in each round all of them, in an order drawn anew.

    Parameters
    ----------
    contenders
        From the number of the round to the calls of that turn; every contender of a round gets the
        same questions.  What it does before it returns is not timed.
    """
    taken: dict[str, list[list[float]]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in rng.permutation(list(taken)).tolist():
            calls = contenders[name](number)
            flush()
            taken[name].append(timed(calls, clock))
    return {
        name: Times(np.concatenate(times), np.array([np.median(turn) for turn in times]))
        for name, times in taken.items()
    }


def timed(calls: Sequence[Call], clock: str = "wall") -> list[float]:
    """Make each call once; microseconds of each."""
    now, times = CLOCKS[clock], []
    for call in calls:
        start = now()
        call()
        times.append((now() - start) / 1000)
    return times


def _beyond_the_cache() -> int:
    """Five quarters of the largest cache, 64 to 512 MiB."""
    largest = 0
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        largest = max(largest, int(path.read_text().strip().removesuffix("K")) << 10)
    return min(max(largest * 5 // 4, 64 << 20), 512 << 20)
