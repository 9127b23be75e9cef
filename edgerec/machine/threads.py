"""One budget of threads for every library in the process.

Left alone, ONNX Runtime, OpenVINO, FAISS and BLAS each take all cores they see and know neither of
each other nor of a quota. The budget is the one piece of state that a process shares: it is set by
the first call and stays.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from edgerec.errors import ValueRangeError
from edgerec.machine.blas import limit_blas
from edgerec.machine.limits import available_cores

__all__ = ["ThreadBudget", "thread_budget"]

logger = logging.getLogger(__name__)

# One entry at most. A dict and not a lock: setdefault is atomic, and a lock that another thread
# holds during a fork would never be released in the child.
_SET: dict[str, ThreadBudget] = {}


@dataclass(frozen=True, slots=True)
class ThreadBudget:
    """Threads that may compute at once in this process, over all libraries."""

    threads: int

    def lease(self, threads: int) -> int:
        """Grant threads to one call of one session: what it asks for, at most the budget.

        A lease reserves nothing: sessions that do not run use no thread.

        Raises
        ------
        ValueRangeError
            ``threads`` is below 1.
        """
        _check(threads)
        if threads > self.threads:
            logger.warning("%d threads asked, %d in the process's budget", threads, self.threads)
        return min(threads, self.threads)

    def parallel(self, threads: int) -> int:
        """Count the calls of so many threads each that fit in the budget at once, at least 1."""
        return max(1, self.threads // self.lease(threads))


def thread_budget(threads: int | None = None) -> ThreadBudget:
    """Return the process's budget; the first call sets it and holds BLAS to it.

    Parameters
    ----------
    threads : int >= 1, optional
        Wanted by the first call; every core that affinity and quota leave, where absent. A later
        call that wants another number gets the budget as it is, and a warning in the log.

    Raises
    ------
    ValueRangeError
        ``threads`` is below 1.
    """
    if threads is not None:
        _check(threads)
    budget = _SET.get("budget")
    if budget is None:
        wanted = ThreadBudget(available_cores() if threads is None else threads)
        budget = _SET.setdefault("budget", wanted)
        limit_blas(budget.threads)
    if threads not in (None, budget.threads):
        logger.warning("%s threads asked, but the budget is %d already", threads, budget.threads)
    return budget


def _check(threads: int) -> None:
    if threads < 1:
        raise ValueRangeError(f"threads must be at least 1, got {threads}")
