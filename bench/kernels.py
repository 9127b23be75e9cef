"""The kernels beside FAISS and NumPy: one thread, one query at a time, the same answers.

    python -m bench.kernels [--rounds 7]

Contenders of a case take turns in shuffled order, ``rounds`` times; a turn is the median of a few
calls on a warm cache. Every contender's answer is compared with the exact one first. All rows have
one scale, since FAISS' 8-bit rows know none of their own.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure, report
from edgerec.kernels import dispatch
from edgerec.kernels.scan import scan_int8
from edgerec.kernels.topk import top_k

SEED = 7
K = 10
TURN_S = 0.05
SHAPES = ((12_000, 64), (200_000, 64), (1_000_000, 128))
SHARES = (1.0, 0.5, 0.1, 0.01)

Rows = NDArray[np.integer]
Contender = Callable[[], Rows]


@dataclass(frozen=True, slots=True)
class Case:
    """Contenders for one task, ours under the name of the ISA."""

    name: str
    contenders: Mapping[str, Contender]
    answer: frozenset[int]
    n_bytes: int
    """Bytes that have to be read; 0 where a filter leaves that open."""


def scans() -> Iterator[Case]:
    """Best ``K`` of int8 rows, all of them or the eligible share."""
    faiss: Any = importlib.import_module("faiss")
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(SEED)
    for n, dim in SHAPES:
        codes = rng.normal(0, 40, (n, dim)).clip(-127, 127).astype(np.int8)
        query = rng.normal(0, 40, dim).clip(-127, 127).astype(np.int8)
        vectors = codes.astype(np.float32)
        flat = faiss.IndexFlatIP(dim)
        eight = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        eight.train(vectors[:1])
        for index in (flat, eight):
            index.add(vectors)
        scores = vectors @ query.astype(np.float32)
        for share in SHARES:
            mask = rng.random(n) < share
            bitmap = np.packbits(mask, bitorder="little")
            exact = top_k(scores, K, eligible=bitmap, isa="scalar")[0]
            yield Case(
                f"scan {n} x {dim}, {100 * share:g} % eligible",
                {
                    **_ours(query, codes, bitmap if share < 1 else None),
                    "faiss flat": _faiss(faiss, flat, query, bitmap if share < 1 else None),
                    "faiss 8 bit": _faiss(faiss, eight, query, bitmap if share < 1 else None),
                },
                frozenset(exact.tolist()),
                codes.nbytes if share == 1 else 0,
            )


def selections() -> Iterator[Case]:
    """Best k of many scores."""
    rng = np.random.default_rng(SEED)
    scores = rng.normal(size=100_000).astype(np.float32)
    for k in (10, 100, 1000):
        contenders: dict[str, Contender] = {
            isa: partial(_first, top_k, scores, k, isa=isa) for isa in _isas("topk_f32")
        }
        contenders["numpy argpartition"] = partial(_partition, scores, k)
        answer = frozenset(np.argsort(-scores, kind="stable")[:k].tolist())
        yield Case(f"top {k} of {len(scores)}", contenders, answer, scores.nbytes)


def _isas(family: str) -> list[str]:
    return [isa for isa, runs in dispatch.implementations(family) if runs]


def _ours(
    query: NDArray[np.int8], codes: NDArray[np.int8], bitmap: NDArray[np.uint8] | None
) -> dict[str, Contender]:
    scales = np.full(len(codes), 0.01, np.float32)
    arguments = (query, 0.01, codes, scales, K)
    return {
        isa: partial(_first, scan_int8, *arguments, eligible=bitmap, isa=isa)
        for isa in _isas("scan_i8")
    }


def _faiss(
    faiss: Any, index: Any, query: NDArray[np.int8], bitmap: NDArray[np.uint8] | None
) -> Contender:
    asked, params = query.astype(np.float32)[None], None
    if bitmap is not None:
        params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap))

    def search() -> Rows:
        rows: Rows = index.search(asked, K, params=params)[1][0]
        return rows

    return search


def _first(kernel: Callable[..., tuple[Rows, Any]], *arguments: Any, **options: Any) -> Rows:
    return kernel(*arguments, **options)[0]


def _partition(scores: NDArray[np.float32], k: int) -> Rows:
    return np.argpartition(scores, -k)[-k:]


def measure(case: Case, rounds: int, rng: np.random.Generator) -> list[Figure]:
    """Check every contender, then let them take turns."""
    for name, contender in case.contenders.items():
        if frozenset(contender().tolist()) != case.answer:
            raise SystemExit(f"{case.name}: {name} gives another answer")
    turns: dict[str, list[float]] = {name: [] for name in case.contenders}
    for _ in range(rounds):
        for name in rng.permutation(list(turns)).tolist():
            turns[name].append(_turn(case.contenders[name]))
    medians = {name: statistics.median(times) for name, times in turns.items()}
    peer = min(time for name, time in medians.items() if name not in dispatch.isas())
    return [
        Figure(
            f"{case.name}: {name}",
            medians[name],
            "us",
            note=_note(case, times, peer),
        )
        for name, times in turns.items()
    ]


def _note(case: Case, times: list[float], peer: float) -> str:
    """Spread, rate, and how many times as fast as the best peer."""
    median = statistics.median(times)
    rate = f", {case.n_bytes / median / 1000:.3g} GB/s" if case.n_bytes else ""
    return f"{min(times):.4g} to {max(times):.4g} us{rate}, {peer / median:.2f} x best peer"


def _turn(contender: Contender) -> float:
    """Median time of a call in microseconds, over calls of ``TURN_S`` together, at least 5."""
    contender()
    times: list[float] = []
    while len(times) < 5 or sum(times) < 1e6 * TURN_S:
        start = time.perf_counter_ns()
        contender()
        times.append((time.perf_counter_ns() - start) / 1000)
    return statistics.median(times)


def main() -> int:
    """Measure every case, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(SEED)
    figures = [
        figure
        for cases in (scans(), selections())
        for case in cases
        for figure in measure(case, rounds, rng)
    ]
    return report("kernels", figures, seed=SEED, details={"rounds": rounds, "k": K})


if __name__ == "__main__":
    sys.exit(main())
