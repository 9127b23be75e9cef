"""The time a request has, and where it went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, isinf, isnan

from edgerec.errors import DeadlineExceeded, ValueRangeError

__all__ = ["Deadline", "Stages"]


class Deadline:
    """When an answer is due.

    Parameters
    ----------
    ms : float > 0, optional
        Milliseconds from now; None or infinity for no limit.

    Raises
    ------
    ValueRangeError
        ``ms`` is not a number above zero.
    """

    __slots__ = ("_due_ns", "_ms")

    def __init__(self, ms: float | None) -> None:
        given: object = inf if ms is None else ms
        if isinstance(given, bool) or not isinstance(given, int | float) or isnan(given):
            raise ValueRangeError(f"deadline_ms must be a number of milliseconds, got {ms!r}")
        if not given > 0:
            raise ValueRangeError(f"deadline_ms must be above 0, got {ms}")
        self._ms = given
        limited = given < LONGEST_MS and not isinf(given)
        self._due_ns = time.perf_counter_ns() + int(given * 1e6) if limited else None

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._due_ns is not None

    def remaining_us(self) -> float:
        """Microseconds left; negative when late, infinite without a limit."""
        if self._due_ns is None:
            return inf
        return (self._due_ns - time.perf_counter_ns()) / 1000

    def require(self, stage: str) -> None:
        """Raise DeadlineExceeded where the time is over: expired work is never started."""
        if self.remaining_us() <= 0:
            raise DeadlineExceeded(
                f"the deadline of {self._ms} ms was over before {stage} could start; "
                "give the request more time, or ask for fewer items"
            )


LONGEST_MS = 1e12
"""Thirty years; what lies beyond is no limit."""


class Stages:
    """Microseconds of each stage of one request, in order."""

    __slots__ = ("us",)

    def __init__(self) -> None:
        self.us: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under ``name``; a stage that runs twice adds up."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            elapsed = (time.perf_counter_ns() - start) / 1000
            self.us[name] = self.us.get(name, 0.0) + elapsed
