"""Threads that share one job: pieces of work that release the GIL, computed side by side.

A process has one pool, as large as its budget of threads less one, since the caller works too. The
pieces and their order are the caller's, so an answer is the same however many threads there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TypeVar

from edgerec.machine.fork import PerProcess
from edgerec.machine.threads import thread_budget

__all__ = ["in_parts", "parts", "side_by_side"]

Result = TypeVar("Result")

# State of the process, as the budget that it belongs to is.
_WORKER = threading.local()  # set in the pool's own threads, which never wait for one another


def side_by_side(work: Sequence[Callable[[], Result]]) -> list[Result]:
    """Return the results of all of ``work``, in its order; the first is computed by the caller.

    Called from a piece of work, it computes one after the other. What a piece raises reaches the
    caller once all have ended.
    """
    if len(work) < 2 or getattr(_WORKER, "busy", False) or thread_budget().threads < 2:
        return [piece() for piece in work]
    others = [_POOL.get().submit(piece) for piece in work[1:]]
    try:
        first = work[0]()
    finally:
        for other in others:
            other.exception()  # waits
    return [first, *(other.result() for other in others)]


def in_parts(work: Callable[[int, int], list[Result]], size: int, count: int) -> list[Result]:
    """Return the lists that ``work(start, stop)`` gives, one after the other.

    It is called for at most ``count`` ranges that make up ``size``, side by side.
    """
    found = side_by_side([partial(work, start, stop) for start, stop in parts(size, count)])
    return [result for results in found for result in results]


def parts(size: int, count: int, *, least: int = 1, align: int = 1) -> list[tuple[int, int]]:
    """Cut ``size`` into at most ``count`` ranges of about the same length.

    Parameters
    ----------
    size, count : int >= 0
    least : int
        Cut no range shorter than this, but for a ``size`` that is.
    align : int
        Every range but the last ends at a multiple of this.
    """
    count = max(1, min(count, size // max(least, 1)))
    ends = [size * place // count // align * align for place in range(1, count)]
    bounds = [0, *ends, size]
    return [(start, stop) for start, stop in pairwise(bounds) if start < stop]


def _make() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        max(1, thread_budget().threads - 1),
        thread_name_prefix="edgerec",
        initializer=lambda: setattr(_WORKER, "busy", True),
    )


_POOL = PerProcess(_make, name="the pool of threads")
