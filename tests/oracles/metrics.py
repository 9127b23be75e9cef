"""Ranking metrics from their definitions, one item at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ranking(scores: Sequence[float]) -> list[int]:
    """Rows in descending order of score, equal scores by row."""
    return sorted(range(len(scores)), key=lambda row: (-scores[row], row))


def ndcg(scores: Sequence[float], gains: Sequence[float], k: int) -> float:
    order = ranking(scores)
    got = sum(gains[row] / math.log2(place + 2) for place, row in enumerate(order[:k]))
    ideal = sorted(gains, reverse=True)[:k]
    best = sum(gain / math.log2(place + 2) for place, gain in enumerate(ideal))
    return got / best if best else 0.0


def recall(scores: Sequence[float], gains: Sequence[float], k: int) -> float:
    wanted = {row for row, gain in enumerate(gains) if gain > 0}
    return len(wanted & set(ranking(scores)[:k])) / len(wanted) if wanted else 0.0


def mrr(scores: Sequence[float], gains: Sequence[float], k: int) -> float:
    for place, row in enumerate(ranking(scores)[:k]):
        if gains[row] > 0:
            return 1.0 / (place + 1)
    return 0.0
