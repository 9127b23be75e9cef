"""A shop's changes at steady rates, and a dictionary that answers are held against.

Items come with new ids or in place of old ones, half of each; items go; prices and stocks change.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.peer import Vectors
from edgerec.catalog.attributes import Attribute
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items

__all__ = ["Answer", "Dictionary", "Feed", "items_of"]

UPSERTS, DELETES, UPDATES = 2000, 500, 50_000
"""Items a second."""
TICKS = 100
"""Batches of each kind a second."""
SCHEMA = (Attribute("price", "number"), Attribute("stock", "number"))
TOLERANCE = 1e-4
NO_PRICES = np.empty(0)
Numbers = NDArray[np.int64]


def items_of(numbers: Sequence[int], prices: NDArray[np.float64]) -> Items:
    """Return items whose ids are their numbers in words."""
    ids = tuple(f"a{number}" for number in numbers)
    return Items(ids, {"price": prices, "stock": np.floor(prices)}, SCHEMA)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One change that was made: an upsert has vectors, an update prices alone, a delete neither."""

    sequence: int
    numbers: Numbers
    prices: NDArray[np.float64] | None = None
    vectors: Vectors | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Items of one change before it is made, in what no garbage collection has to look into."""

    numbers: Numbers
    ids: tuple[str, ...]
    prices: NDArray[np.float64]

    @classmethod
    def of(cls, numbers: list[int], prices: NDArray[np.float64]) -> Drawn:
        """Name them."""
        return cls(np.array(numbers), tuple(f"a{number}" for number in numbers), prices)


class Feed:
    """Changes a catalogue from one thread, and keeps a record of it.

    A shop's changes come from elsewhere, so what is to change is drawn beforehand by :meth:`draw`.

    Parameters
    ----------
    catalog : Catalog
        Of the items 0 to ``items``.
    items : int
    fresh : (m, dim) float32
        Vectors of items that come, over and over.
    rng : Generator
    """

    def __init__(
        self, catalog: Catalog, items: int, fresh: Vectors, rng: np.random.Generator
    ) -> None:
        self.catalog, self.fresh, self.items = catalog, fresh, items
        self.live = list(range(items))
        self.log: list[Change] = []
        self.sequence = catalog.snapshot().sequence
        """Of the last change that was made: what is asked from now on must have seen it."""
        self.latest: tuple[int, Vectors] | None = None
        """Number and vector of an item that came last."""
        self.changed = 0.0
        self.seconds = 0.0
        self.busy_s = 0.0
        self._rng, self._came = rng, 0
        self._drawn: deque[tuple[Drawn, Drawn, Drawn]] = deque()

    def draw(self, seconds: float) -> None:
        """Draw so many seconds of changes, but for those left; more are drawn when needed."""
        while len(self._drawn) < seconds * TICKS:
            self._drawn.append(self._draw())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make changes in another thread."""
        stop = threading.Event()
        failed: list[BaseException] = []

        def work() -> None:
            try:
                self._run(stop)
            except BaseException as error:  # noqa: BLE001 - raised again below
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failed:
            raise failed[0]

    def _run(self, stop: threading.Event) -> None:
        start, busy, tick = time.perf_counter(), time.thread_time(), 0
        while not stop.is_set():
            wait = start + tick / TICKS - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self._tick()
            tick += 1
        self.changed += tick / TICKS
        self.seconds += time.perf_counter() - start
        self.busy_s += time.thread_time() - busy

    def _tick(self) -> None:
        updated, upserted, deleted = self._drawn.popleft() if self._drawn else self._draw()
        self._update(updated)
        self._upsert(upserted)
        self._delete(deleted)

    def _update(self, some: Drawn) -> None:
        columns = {"price": some.prices, "stock": np.floor(some.prices)}
        sequence, _ = self.catalog.update_many(some.ids, columns)
        self._made(Change(sequence, some.numbers, some.prices))

    def _upsert(self, some: Drawn) -> None:
        numbers, count = some.numbers, len(some.numbers)
        vectors = self.fresh[(self._came + np.arange(count)) % len(self.fresh)]
        self._came += count
        sequence = self.catalog.upsert(items_of(numbers.tolist(), some.prices), vectors)
        self._made(Change(sequence, numbers, some.prices, vectors))
        self.latest = int(numbers[-1]), vectors[-1]

    def _delete(self, some: Drawn) -> None:
        sequence, _ = self.catalog.delete(some.ids)
        self._made(Change(sequence, some.numbers))

    def _draw(self) -> tuple[Drawn, Drawn, Drawn]:
        """Draw an update, an upsert and a delete, which are made in this order."""
        return (
            self._priced(self._some(UPDATES // TICKS)),
            self._priced(self._some_and_new(UPSERTS // TICKS)),
            Drawn.of(self._gone(DELETES // TICKS), NO_PRICES),
        )

    def _priced(self, numbers: list[int]) -> Drawn:
        return Drawn.of(numbers, self._rng.integers(100, 10_000, len(numbers)) / 100)

    def _some_and_new(self, count: int) -> list[int]:
        old = list(dict.fromkeys(self._some(count // 2)))
        new = range(self.items, self.items + count - len(old))
        self.items += len(new)
        self.live += new
        return [*old, *new]

    def _gone(self, count: int) -> list[int]:
        numbers = []
        for place in self._rng.integers(len(self.live) - count, size=count).tolist():
            numbers.append(self.live[place])
            self.live[place] = self.live[-1]
            self.live.pop()
        return numbers

    def _made(self, change: Change) -> None:
        self.log.append(change)
        self.sequence = change.sequence

    def _some(self, count: int) -> list[int]:
        return [self.live[place] for place in self._rng.integers(len(self.live), size=count)]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a search said, and since which change it had to know everything.

    Parameters
    ----------
    known : int
        Number of the last change that was made before it was asked.
    sequence : int
        Number of the last change that it saw.
    query : (dim,) float32
    numbers : tuple of int
        The items.
    scores, prices : (m,) arrays
    wanted : int, optional
        An item whose own vector the query is.
    """

    known: int
    sequence: int
    query: Vectors
    numbers: list[int]
    scores: NDArray[np.float32]
    prices: NDArray[np.float64]
    wanted: int | None = None


class Dictionary:
    """What every item is, change by change, kept in the plainest way.

    Parameters
    ----------
    vectors : (n, dim) float32
    prices : (n,) float64
        Of the items 0 to n.
    room : int
        How many items may come.
    """

    def __init__(self, vectors: Vectors, prices: NDArray[np.float64], room: int) -> None:
        n, dim = vectors.shape
        self.vectors = np.zeros((n + room, dim), np.float32)
        self.vectors[:n] = vectors
        self.prices = np.full(n + room, np.nan)
        self.prices[:n] = prices
        self.alive = np.arange(n + room) < n

    def apply(self, change: Change) -> None:
        """Make a change."""
        numbers = change.numbers
        if change.vectors is not None:
            self.vectors[numbers], self.alive[numbers] = change.vectors, True
        if change.prices is None:
            self.alive[numbers] = False
        else:
            for number, price in zip(numbers.tolist(), change.prices.tolist(), strict=True):
                self.prices[number] = price  # the last one of a number counts

    def faults(self, answer: Answer) -> dict[str, int]:
        """Count what is wrong with an answer that saw exactly the changes made so far."""
        numbers = np.array(answer.numbers, np.int64)
        here = numbers[self.alive[numbers]]
        known = self.alive[numbers]
        scores = self.vectors[here] @ answer.query
        old = np.abs(scores - answer.scores[known]) > TOLERANCE
        old |= self.prices[here] != answer.prices[known]
        lost = answer.wanted is not None and self._nearest(answer) and answer.wanted not in here
        stale = int(old.sum()) + (answer.sequence < answer.known)
        return {"stale": stale, "lost": int(lost), "risen": int((~known).sum())}

    def best(self, query: Vectors, k: int) -> Numbers:
        """Return the ``k`` best items, by all of them."""
        scores = np.where(self.alive, self.vectors @ query, -np.inf)
        return np.argpartition(scores, -k)[-k:]

    def _nearest(self, answer: Answer) -> bool:
        """Whether the item that is looked for still is what the query says."""
        number = answer.wanted
        return bool(self.alive[number]) and np.array_equal(self.vectors[number], answer.query)


def judged(dictionary: Dictionary, log: Sequence[Change], answers: list[Answer], k: int) -> Any:
    """Count the faults of all answers, and give the mean recall of those without a wanted item."""
    faults = {"stale": 0, "lost": 0, "risen": 0}
    recalls, made = [], iter(log)
    change = next(made, None)
    for answer in sorted(answers, key=lambda a: a.sequence):
        while change is not None and change.sequence <= answer.sequence:
            dictionary.apply(change)
            change = next(made, None)
        for name, count in dictionary.faults(answer).items():
            faults[name] += count
        if answer.wanted is None:
            recalls.append(np.isin(dictionary.best(answer.query, k), answer.numbers).mean())
    return faults, float(np.mean(recalls)) if recalls else 1.0
