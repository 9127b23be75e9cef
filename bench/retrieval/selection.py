"""Figure 5, its first half: the 100 best of a million scores.  Bags are measured beside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure
from bench.retrieval.peer import Rows
from bench.retrieval.run import Outcome, Run
from bench.retrieval.timing import turns
from edgerec.kernels.topk import top_k
from edgerec.retrieval.peers.faiss import faiss_alone

__all__ = ["selection"]

N, K, TURN, GOAL = 1_000_000, 100, 10, 2.5
Scores = NDArray[np.float32]
Select = Callable[[Scores], Rows]


def selection(run: Run, *, n: int = N) -> Outcome:
    """Measure scores in no order, and ascending, which is the worst case of all."""
    scores = run.rng().standard_normal(n, np.float32)
    figures, details = [], {}
    for order, given in ("random", scores), ("ascending", np.sort(scores)):
        contenders = {
            "edgerec": _ours,
            "faiss heap": _faiss(),
            "numpy argpartition": _numpy,
            "torch topk": _torch(),
        }
        _check(given, contenders)
        times = turns(
            {name: partial(_turn, select, given) for name, select in contenders.items()},
            rounds=run.rounds,
            rng=run.rng(),
            flush=run.flush,
            clock=run.clock,
        )
        us = {name: t.median for name, t in times.items()}
        ratio = us["faiss heap"] / us["edgerec"]
        note = ", ".join(f"{name} {time:.4g} us" for name, time in us.items())
        goal = GOAL if order == "random" else None
        figures.append(Figure(f"top {K} of {n}, {order}: FAISS", ratio, "x", ">=", goal, note))
        details[order] = {
            name: {"median_us": t.median, "spread_us": t.spread} for name, t in times.items()
        }
    return Outcome(figures, details)


def _turn(select: Select, scores: Scores, number: int) -> list[Callable[[], object]]:
    del number
    return [partial(select, scores)] * TURN


def _check(scores: Scores, contenders: dict[str, Select]) -> None:
    truth = np.sort(scores)[-K:]
    for name, select in contenders.items():
        if not np.array_equal(np.sort(scores[select(scores)]), truth):
            raise SystemExit(f"{name} gives another answer")


def _ours(scores: Scores) -> Rows:
    return top_k(scores, K)[0]


def _numpy(scores: Scores) -> Rows:
    return np.argpartition(scores, -K)[-K:]


def _faiss() -> Select:
    faiss = faiss_alone()
    values, rows = np.empty((1, K), np.float32), np.empty((1, K), np.int64)
    heap = faiss.float_minheap_array_t()
    heap.nh, heap.k = 1, K
    heap.val, heap.ids = faiss.swig_ptr(values), faiss.swig_ptr(rows)

    def select(scores: Scores) -> Rows:
        heap.heapify()
        heap.addn(len(scores), faiss.swig_ptr(scores))
        heap.reorder()
        best: Rows = rows[0]
        return best

    return select


def _torch() -> Select:
    import torch

    torch.set_num_threads(1)

    def select(scores: Scores) -> Rows:
        found: Any = torch.topk(torch.from_numpy(scores), K)
        rows: Rows = found.indices.numpy()
        return rows

    return select
