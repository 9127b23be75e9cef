"""The kernels beside FAISS and NumPy: one thread, the same answers.

    python -m bench.kernels [--rounds 7] [--only scans|lists|batches|selections]

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
from edgerec.kernels.scan import scan_int8, scan_int8_many
from edgerec.kernels.topk import top_k

SEED = 7
K = 10
TURN_S = 0.05
SHAPES = ((12_000, 64), (200_000, 64), (1_000_000, 128))
SHARES = (1.0, 0.5, 0.1, 0.01)
BATCHES = (2, 8, 64)
LISTS = (50, 440)  # rows, the fewest and the most

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
        codes, query = _codes(rng, n, dim), _codes(rng, 1, dim)[0]
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


def lists() -> Iterator[Case]:
    """Best ``K`` of a quarter of the rows, in ranges as short as an index's lists."""
    faiss: Any = importlib.import_module("faiss")
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(SEED)
    for n, dim in SHAPES:
        codes, query = _codes(rng, n, dim), _codes(rng, 1, dim)[0]
        stops = np.cumsum(rng.integers(*LISTS, n // LISTS[0]))
        ranges = np.stack([np.r_[0, stops[:-1]], stops], 1)[stops <= n]
        ranges = np.ascontiguousarray(rng.permutation(ranges)[: len(ranges) // 4])
        mask = np.zeros(n, np.bool_)
        for start, stop in ranges:
            mask[start:stop] = True
        bitmap = np.packbits(mask, bitorder="little")
        flat = faiss.IndexFlatIP(dim)
        flat.add(codes.astype(np.float32))
        scores = codes.astype(np.float32) @ query.astype(np.float32)
        exact = top_k(scores, K, eligible=bitmap, isa="scalar")[0]
        arguments = (query, 0.01, codes, np.full(n, 0.01, np.float32), K)
        ours: dict[str, Contender] = {
            isa: partial(_first, scan_int8, *arguments, ranges=ranges, isa=isa)
            for isa in _isas("scan_i8")
        }
        yield Case(
            f"{len(ranges)} lists of {n} x {dim}",
            {**ours, "faiss flat": _faiss(faiss, flat, query, bitmap)},
            frozenset(exact.tolist()),
            int(mask.sum()) * dim,
        )


def batches() -> Iterator[Case]:
    """Best ``K`` for each of several queries at once; FAISS with its best setting for them."""
    faiss: Any = importlib.import_module("faiss")
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 20
    rng = np.random.default_rng(SEED)
    for n, dim in SHAPES:
        codes = _codes(rng, n, dim)
        flat = faiss.IndexFlatIP(dim)
        flat.add(codes.astype(np.float32))
        for q in BATCHES:
            queries = _codes(rng, q, dim)
            scales = np.full(n, 0.01, np.float32)
            arguments = (queries, scales[:q], codes, scales, K)
            ours: dict[str, Contender] = {
                isa: partial(_places, n, partial(_first, scan_int8_many, *arguments, isa=isa))
                for isa in _isas("scan_many_i8")
                if isa != "scalar"  # seconds a call
            }
            flat_search = partial(_second, flat.search, queries.astype(np.float32), K)
            yield Case(
                f"{q} queries, {n} x {dim}",
                {**ours, "faiss flat": partial(_places, n, flat_search)},
                frozenset(_places(n, flat_search).tolist()),
                codes.nbytes,
            )


def _codes(rng: np.random.Generator, n: int, dim: int) -> NDArray[np.int8]:
    return rng.normal(0, 40, (n, dim)).clip(-127, 127).astype(np.int8)


def _places(n: int, search: Contender) -> Rows:
    """Rows of all queries in one array, those of each as numbers of its own."""
    rows = search()
    return (rows + np.arange(len(rows))[:, None] * n).ravel()


def _second(search: Callable[..., tuple[Any, Rows]], *arguments: Any) -> Rows:
    return search(*arguments)[1]


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


CASES: Mapping[str, Callable[[], Iterator[Case]]] = {
    "scans": scans,
    "lists": lists,
    "batches": batches,
    "selections": selections,
}


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
    parser.add_argument("--only", choices=CASES)
    options = parser.parse_args()
    chosen = [options.only] if options.only else CASES
    rng = np.random.default_rng(SEED)
    figures = [
        figure
        for name in chosen
        for case in CASES[name]()
        for figure in measure(case, options.rounds, rng)
    ]
    return report("kernels", figures, seed=SEED, details={"rounds": options.rounds, "k": K})


if __name__ == "__main__":
    sys.exit(main())
