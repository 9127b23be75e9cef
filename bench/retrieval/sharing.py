"""Figure 7: what a shared memory bus leaves, with the other core searching too, or ranking."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

import edgerec.shop
from bench.figures import Figure
from bench.retrieval import ours, sets, tuning
from bench.retrieval.peer import Ask, Vectors
from bench.retrieval.run import Outcome, Run

__all__ = ["sharing"]

K, RECALL, SECONDS = 10, 0.95, 2.0
RANKER = Path(edgerec.shop.__file__).parent / "models" / "ranker.onnx"
CANDIDATES = 200


def sharing(run: Run, *, name: str = "clustered", seconds: float = SECONDS) -> Outcome:
    """Count the queries of each of our indexes: alone, twice at once, and beside a ranker."""
    data = sets.load(name)
    queries = np.array(data.queries)
    figures, details = [], {}
    for b in ours.built(data):
        setting = tuning.Tuning(b.searcher, data).cheapest(K, RECALL)
        if setting is None:
            continue
        ask = setting.turned(b.searcher)
        counted = _counted(ask, queries, run.rounds, seconds)
        details[b.name] = counted
        figures += list(_figures(b.name, counted))
        gc.collect()
    return Outcome(figures, details)


def _counted(ask: Ask, queries: Vectors, rounds: int, seconds: float) -> dict[str, float]:
    """Queries a second, medians of interleaved rounds."""
    ways: dict[str, Callable[[], float]] = {
        "alone": lambda: _rate(ask, queries, 1, seconds),
        "both cores": lambda: _rate(ask, queries, 2, seconds),
    }
    with _ranking() as (go, stop):

        def beside() -> float:
            go()
            rate = _rate(ask, queries, 1, seconds)
            stop()
            return rate

        ways["beside a ranker"] = beside
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(max(3, rounds // 3)):
            for way, count in ways.items():
                taken[way].append(count())
    return {way: float(np.median(rates)) for way, rates in taken.items()}


def _rate(ask: Ask, queries: Vectors, threads: int, seconds: float) -> float:
    """Search from ``threads`` threads for a while; queries a second of all together."""
    counts = [0] * threads
    end = time.perf_counter() + seconds

    def work(place: int) -> None:
        turn = place * len(queries) // threads
        while time.perf_counter() < end:
            ask.one(queries[turn % len(queries)])
            counts[place], turn = counts[place] + 1, turn + 1

    workers = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


@contextmanager
def _ranking() -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """A process that ranks while it is let; yields what lets it and what stops it."""
    context = multiprocessing.get_context("spawn")
    running, ended, ready = context.Event(), context.Event(), context.Event()
    process = context.Process(target=rank, args=(running, ended, ready), daemon=True)
    process.start()
    ready.wait()
    try:
        yield running.set, running.clear
    finally:
        ended.set()
        running.set()
        process.join()


def rank(running: Event, ended: Event, ready: Event) -> None:
    """Rank again and again with the shop's own model, on one thread of ONNX Runtime."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(RANKER), options, providers=["CPUExecutionProvider"])
    inputs = {node.name: _input(node) for node in session.get_inputs()}
    session.run(None, inputs)
    ready.set()
    while not ended.is_set():
        running.wait()
        session.run(None, inputs)


def _input(node: Any) -> Any:
    """Ones of the declared shape: leading 1 stays, symbolic dimensions are the candidates."""
    shape = [size if isinstance(size, int) else CANDIDATES for size in node.shape]
    return np.ones(shape, np.int64 if node.type == "tensor(int64)" else np.float32)


def _figures(name: str, counted: dict[str, float]) -> Iterator[Figure]:
    alone = counted["alone"]
    for way, rate in counted.items():
        yield Figure(f"{name}, {way}", rate, "queries/s", note=f"{rate / alone:.3g} x alone")
