"""Figure 4: how time, memory and build grow from ten thousand to ten million items."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure
from bench.retrieval import ours, tuning
from bench.retrieval.run import Outcome, Run
from bench.retrieval.sets import DataSet, best_rows
from bench.retrieval.timing import turns

__all__ = ["growth"]

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
DIM, K, RECALL, QUERIES, TURN = 128, 10, 0.95, 200, 20
CLUSTER, APART, BLOCK = 200, 0.8, 1 << 17
"""Clusters of 200 at every size, as far apart as those of the clustered set."""


def growth(run: Run, *, sizes: tuple[int, ...] = SIZES) -> Outcome:
    """Measure each size; originals are kept in float16, so that ten million fit."""
    table: list[dict[str, Any]] = []
    for n in sizes:
        table += _measured(n, run)
        gc.collect()
    return Outcome(list(_figures(table)), {"table": table})


def _measured(n: int, run: Run) -> list[dict[str, Any]]:
    data = _data(n, run.rng())
    rows, turning = {}, {}
    for b in ours.built(data):
        setting = tuning.Tuning(b.searcher, data).cheapest(K, RECALL)
        if setting is None:
            continue
        turning[b.name] = partial(_turn, setting.turned(b.searcher).one, data.queries)
        rows[b.name] = {
            "index": b.name,
            "items": n,
            "build_cpu_s": b.build_cpu_s,
            "bytes": b.hot_bytes_an_item * n,
            "recall": setting.recall,
        }
    times = turns(turning, rounds=run.rounds, rng=run.rng(), flush=run.flush, clock=run.clock)
    for name, t in times.items():
        rows[name] |= {"median_us": t.median, "p99_us": t.p99}
    return list(rows.values())


def _turn(
    one: Callable[[Any], object], queries: NDArray[np.float32], number: int
) -> list[Callable[[], object]]:
    places = (number * TURN + np.arange(TURN)) % len(queries)
    return [partial(one, queries[place]) for place in places.tolist()]


def _data(n: int, rng: np.random.Generator) -> DataSet:
    """Clusters in noise, made block by block: float32 of ten million would not fit beside."""
    centres = np.float32(APART) * rng.standard_normal((max(1, n // CLUSTER), DIM), np.float32)
    items = np.empty((n, DIM), np.float16)
    for start in range(0, n, BLOCK):
        items[start : start + BLOCK] = _drawn(centres, min(BLOCK, n - start), rng)
    queries = _drawn(centres, QUERIES, rng)
    return DataSet(f"growth-{n}", str(n), items, queries, best_rows(items, queries))


def _drawn(centres: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    x = centres[rng.integers(len(centres), size=n)]
    x += rng.standard_normal(x.shape, np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x


def _figures(table: list[dict[str, Any]]) -> Iterator[Figure]:
    """Each size, and the exponent that fits: 1 is proportional to the items."""
    for index in dict.fromkeys(row["index"] for row in table):
        rows = [row for row in table if row["index"] == index]
        for row in rows:
            note = f"{row['bytes'] / row['items']:.4g} B/item, built in {row['build_cpu_s']:.3g} s"
            yield Figure(f"growth {index}, {row['items']} items", row["median_us"], "us", note=note)
        sizes = [row["items"] for row in rows]
        for what in ("median_us", "bytes", "build_cpu_s"):
            values = [max(row[what], 1e-9) for row in rows]
            exponent = float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
            yield Figure(f"growth {index}: exponent of {what}", exponent)
