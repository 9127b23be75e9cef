"""Figure 7: what a shared memory bus leaves, with the other core searching too, or ranking."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

import edgerec.shop
from bench.figures import Figure
from bench.retrieval import ours, sets, tuning
from bench.retrieval.load import closed_loop
from bench.retrieval.peer import Ask, Vectors
from bench.retrieval.run import Outcome, Run

__all__ = ["sharing"]

K, RECALL, SECONDS, BATCH = 10, 0.95, 2.0, 256
RANKER = Path(edgerec.shop.__file__).parent / "models" / "ranker.onnx"
CANDIDATES = 200


def sharing(run: Run, *, name: str = "clustered", seconds: float = SECONDS) -> Outcome:
    """Count the queries of each of our indexes: alone, on both cores, and beside a ranker."""
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
    one = partial(closed_loop, ask.one, queries, seconds=seconds)
    ways: dict[str, Callable[[], float]] = {
        "alone": partial(one, threads=1),
        "two threads": partial(one, threads=2),
        "two processes": lambda: sum(_side_by_side(partial(one, threads=1))),
        "batches alone": lambda: _batches(ask, queries, seconds),
        "batches, two processes": lambda: sum(
            _side_by_side(partial(_batches, ask, queries, seconds))
        ),
    }
    with _ranking() as (go, stop):

        def beside(way: Callable[[], float]) -> float:
            go()
            rate = way()
            stop()
            return rate

        ways["beside a ranker"] = partial(beside, ways["alone"])
        ways["batches, beside a ranker"] = partial(beside, ways["batches alone"])
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(max(3, rounds // 3)):
            for way, count in ways.items():
                taken[way].append(count())
    return {way: float(np.median(rates)) for way, rates in taken.items()}


def _batches(ask: Ask, queries: Vectors, seconds: float) -> float:
    """Search in batches for a while; queries a second."""
    batch = np.ascontiguousarray(queries[:BATCH])
    start, done = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        ask.many(batch)
        done += len(batch)
    return done / (time.perf_counter() - start)


def _side_by_side(rate: Callable[[], float]) -> tuple[float, float]:
    """Give the rates of a forked child and of this process, at once.

    They share the index's memory, and no interpreter: what they take from each other is the bus.
    """
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    child = context.Process(target=lambda: theirs.send(rate()))
    child.start()
    own = rate()
    other: float = mine.recv()
    child.join()
    return own, other


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
    for way, rate in counted.items():
        alone = counted["batches alone" if way.startswith("batches") else "alone"]
        yield Figure(f"{name}, {way}", rate, "queries/s", note=f"{rate / alone:.3g} x alone")
