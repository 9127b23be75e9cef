"""What a user of edgerec gets: the index that the strategy chooses for a recall, from some queries.

It sees 512 of the queries, and measures on its own which index is quickest; nobody tunes it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.ours import Mine
from bench.retrieval.peer import Ask, Knobs
from bench.retrieval.sets import DataSet
from bench.retrieval.tuning import Setting, recall
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.snapshot import Snapshot
from edgerec.retrieval.choosing import choose
from edgerec.retrieval.index import Index
from edgerec.retrieval.strategy import Target

__all__ = ["Chosen", "Goal", "catalog_of", "chosen", "numbers_of"]

Goal = tuple[int, float]
"""k and recall."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """An index for each goal; the effort is the number of the goal.

    Parameters
    ----------
    indexes : tuple of Mine
    settings : dict of goal to Setting, or None where the recall is not reached after all
    reasons : list of str
        Of each choice, with the recall on all queries.
    build_cpu_s : float
        Of the dearest one, all that was measured to choose it counted in.
    hot_bytes_an_item : float
        Of the largest one.
    """

    indexes: tuple[Mine, ...]
    settings: dict[Goal, Setting | None]
    reasons: list[str]
    build_cpu_s: float
    hot_bytes_an_item: float

    @property
    def knobs(self) -> Knobs:
        """Nothing is left to turn."""
        return Knobs(1)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Ask the index of one goal."""
        return self.indexes[effort].at(effort, width, k)


def catalog_of(data: DataSet) -> Catalog:
    """Return a catalogue whose ids are the numbers of the set."""
    return Catalog(Items(tuple(map(str, range(len(data.items)))), {}, ()), data.read())


def numbers_of(snapshot: Snapshot) -> NDArray[np.int32]:
    """Return the set's number of each row."""
    return np.array(snapshot.ids(np.arange(snapshot.rows, dtype=np.int32))).astype(np.int32)


def chosen(data: DataSet, goals: Iterable[Goal]) -> Chosen:
    """Have an index chosen for each goal, and see what it finds."""
    snapshot, queries = catalog_of(data).snapshot(), np.array(data.queries)
    indexes, settings, reasons = [], {}, []
    cost, size = 0.0, 0.0
    for number, (k, wanted) in enumerate(goals):
        start = time.process_time()
        target = Target(k, wanted, exact_enough_us=0.0)
        choice = choose(snapshot, target, queries=queries)
        cost = max(cost, time.process_time() - start)
        size = max(size, choice.index.hot_bytes / choice.snapshot.rows)
        mine = Mine(Knobs(1), partial(_whatever, choice.index), numbers_of(choice.snapshot))
        found = recall(mine.at(number, 1, k).many(queries), data.truth, k)
        setting = Setting(number, 1, k, found)
        settings[k, wanted] = setting if found >= wanted else None
        reasons.append(f"recall@{k} {wanted}: {found:.4f}; {choice.strategy.reason}")
        indexes.append(mine)
    return Chosen(tuple(indexes), settings, reasons, cost, size)


def _whatever(index: Index, effort: int, width: int, k: int) -> Index:
    """Return the index: the strategy has decided how far it goes."""
    del effort, width, k
    return index
