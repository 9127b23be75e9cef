"""How long ranking takes on this machine, learned from what it took."""

from __future__ import annotations

from edgerec.engine.deadline import Deadline

__all__ = ["Pace"]

LEAST = 32
"""Candidates below which a call's fixed cost is most of what was measured."""
UP, DOWN = 0.3, 0.1
FORGET = 0.9


class Pace:
    """An estimate of microseconds a candidate, in all threads of a process.

    One slow call (a page fault, a neighbour on the core) moves it by at most a factor of two. It
    is only ever an estimate, so threads that overwrite each other's update do no harm.
    """

    def __init__(self) -> None:
        self._us_each = 0.0

    def learn(self, candidates: int, us: float) -> None:
        """Note that ranking ``candidates`` took ``us`` microseconds."""
        each, now = us / max(candidates, LEAST), self._us_each
        if now == 0.0:
            self._us_each = each
        else:
            step = DOWN if each < now else UP
            self._us_each = now + step * (min(each, 4 * now) - now)

    def skipped(self) -> None:
        """Note that ranking was left out: trust the estimate less, so that it is tried again."""
        self._us_each *= FORGET

    def affordable(self, deadline: Deadline, candidates: int) -> int:
        """How many of ``candidates`` can be ranked in the time that is left."""
        if not deadline.limited or self._us_each == 0.0:
            return candidates
        return min(candidates, max(0, int(deadline.remaining_us() / self._us_each)))
