"""Ranking metrics of one request.

Every metric takes the 1-based ranks of the wanted items among all that were ranked, so that a
ranking over a whole catalogue needs no sorting: see :func:`ranks_of`.

Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002) for
NDCG, with linear gains and log2 discount, as ``trec_eval`` computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgerec.values.metric import MetricName

__all__ = ["Metric", "hit_rate", "metric", "mrr", "ndcg", "ranks_of", "recall", "worst_ranks"]

Ranks = NDArray[np.int64]
Gains = NDArray[np.float32]
Metric = Callable[[Ranks, Gains], float]


def ranks_of(scores: NDArray[np.float32], wanted: NDArray[np.int64]) -> Ranks:
    """1-based ranks of the rows ``wanted`` when ``scores`` descend and ties go by row.

    That is how serving orders a catalogue, whose rows know nothing of what is wanted.

    Parameters
    ----------
    scores : (rows,) float32
        -inf for what may not come back; NaN counts against what is wanted.
    wanted : (m,) int64 in [0, rows)

    Returns
    -------
    (m,) int64 in [1, rows]
    """
    ranks = np.empty(len(wanted), np.int64)
    for place, row in enumerate(wanted):
        score = scores[row]
        not_above = np.count_nonzero(scores <= score)
        ranks[place] = 1 + len(scores) - not_above + np.count_nonzero(scores[:row] == score)
    return np.minimum(ranks, len(scores))


def worst_ranks(scores: NDArray[np.float32], gains: Gains) -> Ranks:
    """1-based rank of every row when ``scores`` descend and ties go against what is wanted.

    For candidates that come in an order which may know the answer, such as the wanted ones first:
    there a model that scores all rows alike must not look perfect.

    Parameters
    ----------
    scores : (rows,) float32, finite
    gains : (rows,) float32
        Of rows with one score, the one with the smallest gain stands first.

    Returns
    -------
    (rows,) int64, a permutation of 1 to rows
    """
    ranks = np.empty(len(scores), np.int64)
    ranks[np.lexsort((gains, -scores))] = np.arange(1, len(scores) + 1)
    return ranks


def ndcg(ranks: Ranks, gains: Gains, k: int) -> float:
    """Normalised discounted cumulated gain of the first ``k``, in [0, 1].

    ``gains`` (m,) float32 > 0 belong to ``ranks``; the ideal ranking has them in descending order.
    0 where nothing is wanted.
    """
    ideal = np.sort(gains)[::-1][:k]
    best = float(np.sum(ideal / np.log2(np.arange(2, len(ideal) + 2))))
    seen = ranks <= k
    return float(np.sum(gains[seen] / np.log2(ranks[seen] + 1.0))) / best if best > 0 else 0.0


def recall(ranks: Ranks, _gains: Gains, k: int) -> float:
    """Share of the wanted items among the first ``k``, in [0, 1]; 0 where nothing is wanted."""
    return float(np.mean(ranks <= k)) if len(ranks) else 0.0


def hit_rate(ranks: Ranks, _gains: Gains, k: int) -> float:
    """1 if any wanted item is among the first ``k``, else 0."""
    return float(np.any(ranks <= k))


def mrr(ranks: Ranks, _gains: Gains, k: int) -> float:
    """Reciprocal rank of the first wanted item among the first ``k``, else 0."""
    first = int(ranks.min(initial=k + 1))
    return 1.0 / first if first <= k else 0.0


METRICS = {"ndcg": ndcg, "recall": recall, "hit_rate": hit_rate, "mrr": mrr}


def metric(name: str) -> Metric:
    """The metric a text such as ``ndcg@10`` names; InvalidInput where there is none."""
    parsed = MetricName.parse(name)
    return partial(METRICS[parsed.family], k=parsed.depth)
