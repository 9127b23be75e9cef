"""How good answers to "what comes next?" are: one held-out item a user, ranked among all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.sequences import Cases
from edgerec.evaluation.metrics import ndcg, ranks_of
from edgerec.evaluation.task import Run
from edgerec.models.sasrec import FIRST_ITEM
from edgerec.values.signature import Array

__all__ = ["Answer", "Items", "K", "NextItem", "Vectors", "encoder_inputs", "gains_of"]

K = 10
Items = NDArray[np.int64]
Vectors = NDArray[np.float32]
Answer = Callable[[Items], NDArray[Any]]
"""Rows of a history, oldest first, to the ten best rows, best first."""


@dataclass(frozen=True, slots=True, eq=False)
class NextItem:
    """Quality of an encoder before a scan of all ``vectors``; what the compiler's gate compares."""

    asked: Cases
    vectors: Vectors
    limit: int
    metric: str = f"ndcg@{K}"

    def __call__(self, run: Run) -> NDArray[np.float64]:
        """Rank all items but the history's by their inner product with the state."""
        values, gain = np.empty(len(self.asked.targets)), np.ones(1, np.float32)
        for user, inputs in enumerate(self.requests()):
            scores = self.vectors @ run(inputs)["vector"][0]
            scores[self.asked.histories[user]] = -np.inf
            ranks = ranks_of(scores, self.asked.targets[user : user + 1])
            values[user] = ndcg(ranks, gain, K)
        return values

    def requests(self) -> Iterator[dict[str, Array]]:
        """Yield one history a request."""
        return (encoder_inputs(history, self.limit) for history in self.asked.histories)

    def split(self) -> tuple[NextItem, NextItem]:
        """Give even and odd users."""
        even, odd = (
            replace(self, asked=Cases(self.asked.histories[start::2], self.asked.targets[start::2]))
            for start in range(2)
        )
        return even, odd


def encoder_inputs(history: Items, limit: int) -> dict[str, Array]:
    """Give the encoder's inputs for a history of rows."""
    return {"items": history[None, -limit:] + FIRST_ITEM}


def gains_of(answer: Answer, asked: Cases) -> NDArray[np.float64]:
    """Ask for every user: what each target's place is worth, (users,); the mean is NDCG@10.

    A value above 0 is a hit, so that the share of those is HR@10.
    """
    values = np.zeros(len(asked.targets))
    for user, (history, target) in enumerate(zip(asked.histories, asked.targets, strict=True)):
        place = np.flatnonzero(answer(history) == target)
        if len(place):
            values[user] = 1 / np.log2(place[0] + 2)
    return values
