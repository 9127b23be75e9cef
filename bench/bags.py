"""Embedding bags over a table that no cache holds, beside PyTorch's: one thread, random ids.

    python -m bench.bags [--rounds 15] [--rows 5000000] [--clock wall|cpu]
    python -m bench.retrieval --only bags

Contenders take turns in shuffled order, with the cache flushed before each and ids that nobody has
asked for yet. Every contender's sums are compared with those of the float32 table first. PyTorch's
operators get what they like best: int32 ids and offsets, one thread, memory as PyTorch and NumPy
allocate it. Goals: twice PyTorch's int8 as shipped, 1.2 times its float32.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.figures import Figure, report
from bench.retrieval.run import Outcome, Run
from bench.retrieval.timing import CLOCKS, Times, turns
from edgerec.kernels.bags import embedding_bags, pack_rows
from edgerec.machine.pages import resident

DIM = 64
LENGTHS = (10, 50)
IDS = 10_000  # a call
CALLS = 4  # a turn
GOALS = {"torch int8": 2.0, "torch fp32": 1.2}
TOLERANCE = {"int4": 0.25, "int8": 0.02, "fp32": 1e-4}
"""Largest error a row: half a step of the codes, of rows that reach to about 3.5."""
ROWS = 5_000_000

Ids = NDArray[np.int32]
Bags = Callable[[Ids, NDArray[np.int64]], NDArray[np.float32]]


def contenders(x: NDArray[np.float32]) -> Mapping[str, Bags]:
    """Functions from ids and offsets to sums; the last word but one of a name is its precision."""
    eight, four = pack_rows(x), pack_rows(x, bits=4)
    huge_eight, huge_four = resident(eight), resident(four)
    single = torch.from_numpy(x)
    rowwise = torch.ops.quantized.embedding_bag_byte_prepack(single)
    packed = torch.ops.quantized.embedding_bag_prepack(_per_row(single))
    byte = torch.ops.quantized.embedding_bag_byte
    return {
        "edgerec int8": partial(_ours, huge_eight, 8),
        "edgerec int8, as packed": partial(_ours, eight, 8),
        "edgerec int4": partial(_ours, huge_four, 4),
        "torch int8": _torch(
            partial(torch.ops.quantized.embedding_bag_byte_rowwise_offsets, rowwise)
        ),
        "torch int8, packed": _torch(partial(byte, packed)),
        "torch fp32": _torch(
            lambda ids, offsets: torch.nn.functional.embedding_bag(ids, single, offsets, mode="sum")
        ),
    }


def _per_row(single: torch.Tensor) -> torch.Tensor:
    """Eight bits a row with a zero point, as ``nn.quantized.EmbeddingBag`` makes them."""
    low, high = single.min(1).values.clamp(max=0), single.max(1).values.clamp(min=0)
    scales = (high - low) / 255
    return torch.quantize_per_channel(single, scales, low / -scales, 0, torch.quint8)


def _ours(
    table: NDArray[np.uint8], bits: Any, ids: Ids, offsets: NDArray[np.int64]
) -> NDArray[np.float32]:
    return embedding_bags(table, DIM, offsets, ids, bits=bits)


def _torch(operator: Callable[..., Any]) -> Bags:
    def sums(ids: Ids, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        starts = torch.from_numpy(offsets[:-1].astype(np.int32))
        found: NDArray[np.float32] = operator(torch.from_numpy(ids), offsets=starts).numpy()
        return found

    return sums


def _check(x: NDArray[np.float32], bags: Mapping[str, Bags], draw: Callable[[], Ids]) -> None:
    for length in LENGTHS:
        ids = draw()
        wanted = x[ids].reshape(-1, length, DIM).sum(1)
        for name, sums in bags.items():
            error = np.abs(sums(ids, _offsets(length)) - wanted).max()
            precision = name.replace(",", "").split()[1]
            if error > TOLERANCE[precision] * length:
                raise SystemExit(f"{name} gives another answer: {error} from float32")


def _offsets(length: int) -> NDArray[np.int64]:
    return np.arange(0, IDS + 1, length)


def _turn(
    sums: Bags, length: int, draw: Callable[[], Ids], number: int
) -> list[Callable[[], object]]:
    del number
    return [partial(sums, draw(), _offsets(length)) for _ in range(CALLS)]


def _figures(length: int, times: Mapping[str, Times]) -> Iterator[Figure]:
    ns = {name: 1000 * t.median / IDS for name, t in times.items()}
    for name, t in times.items():
        spread = f"{1000 * t.rounds.min() / IDS:.3g} to {1000 * t.rounds.max() / IDS:.3g} ns"
        yield Figure(f"bags of {length}: {name}", ns[name], "ns a row", note=spread)
    for peer, goal in GOALS.items():
        best = min(value for name, value in ns.items() if name.startswith(peer))
        ratio = best / ns["edgerec int8"]
        yield Figure(f"bags of {length}, int8: {peer}", ratio, "x", ">=", goal)


def bags(run: Run, *, rows: int = ROWS) -> Outcome:
    """Measure bags of every length."""
    torch.set_num_threads(1)
    rng = run.rng()
    x = rng.standard_normal((rows, DIM), np.float32)

    def draw() -> Ids:
        return rng.integers(0, rows, IDS, np.int32)

    asked, figures = contenders(x), list[Figure]()
    _check(x, asked, draw)
    for length in LENGTHS:
        times = turns(
            {name: partial(_turn, sums, length, draw) for name, sums in asked.items()},
            rounds=run.rounds,
            rng=rng,
            flush=run.flush,
            clock=run.clock,
        )
        figures.extend(_figures(length, times))
    return Outcome(figures, {"rows": rows, "dim": DIM})


def main() -> int:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    options = parser.parse_args()
    run = Run(options.rounds, options.clock, seed=7)
    outcome = bags(run, rows=options.rows)
    details = {**outcome.details, "rounds": run.rounds, "clock": run.clock}
    return report("bags", outcome.figures, seed=run.seed, details=details)


if __name__ == "__main__":
    sys.exit(main())
