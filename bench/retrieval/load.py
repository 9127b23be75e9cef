"""Load: as many searches as go, or searches that come when they come, answered or not."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.peer import Vectors

__all__ = ["closed_loop", "interpreter_waits", "open_loop"]

Search = Callable[[Vectors], object]
Us = NDArray[np.float64]
LONGEST_S = 600.0
PAUSE_S = 0.002


def closed_loop(search: Search, queries: Vectors, *, threads: int, seconds: float) -> float:
    """Search from ``threads`` threads for a while; queries a second of all together."""
    counts = [0] * threads
    end = time.perf_counter() + seconds

    def work(place: int) -> None:
        turn = place * len(queries) // threads
        while time.perf_counter() < end:
            search(queries[turn % len(queries)])
            counts[place], turn = counts[place] + 1, turn + 1

    _in_threads([partial(work, place) for place in range(threads)])
    return sum(counts) / seconds


def open_loop(
    search: Search,
    queries: Vectors,
    *,
    rate: float,
    threads: int,
    rng: np.random.Generator,
    ended: Callable[[float], bool],
) -> Us:
    """Search at times drawn beforehand; microseconds from when each was due until its answer.

    Parameters
    ----------
    rate : float
        Searches a second, on average; a Poisson process.
    threads : int
        The first that is free takes the next search, in the order in which they are due.
    ended : callable
        Told how many seconds after the start the next search is due; whether it is left out, and
        all after it.
    """
    due = np.cumsum(rng.exponential(1 / rate, round(rate * LONGEST_S))).tolist()
    places = rng.integers(len(queries), size=len(due)).tolist()
    taken: list[list[float]] = [[] for _ in range(threads)]
    turns = itertools.count()  # next() of it is atomic
    start = time.perf_counter()

    def work(times: list[float]) -> None:
        for turn in turns:
            if turn == len(due) or ended(due[turn]):
                return
            wait = start + due[turn] - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            search(queries[places[turn]])
            times.append(1e6 * (time.perf_counter() - start - due[turn]))

    _in_threads([partial(work, times) for times in taken])
    return np.array([took for times in taken for took in times])


@contextmanager
def interpreter_waits() -> Iterator[list[float]]:
    """Collect by how many microseconds a thread that sleeps is woken late.

    It waits for the operating system's timer, for a core, and for whoever holds the interpreter.
    """
    late: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            start = time.perf_counter()
            time.sleep(PAUSE_S)
            late.append(1e6 * (time.perf_counter() - start - PAUSE_S))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield late
    finally:
        stop.set()
        thread.join()


def _in_threads(work: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=piece) for piece in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
