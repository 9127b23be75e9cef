"""Retrieval beside its peers.

    make bench-retrieval                                   # builds the peers' indexes first
    python -m bench.retrieval                              # everything; hours, less by what is kept
    python -m bench.retrieval --only scan-128 --only approximate-clustered
    python -m bench.retrieval --quick --only live          # parts that make their own data: smaller

Prints a line a figure, ending in ``ok`` or ``short``; writes ``bench/results/retrieval.json``;
exits with 1 where one is short.  Everybody has one thread, and each part a process of its own, so
that it leaves nothing behind.  A part that was finished with the same code, packages and settings
is not measured again (``--fresh`` does): a run that was broken off goes on where it was.

==================  ===================================================  =====================
part                measures                                             minutes, GB at most
==================  ===================================================  =====================
scan-64 (128, 256)  the exact int8 scan, 1, 8 and 64 queries             2 (3, 5), 2 (4, 7)
approximate-SET     recall, latency, batches, build and bytes            15 (40 at first), 12
filters             filters of 50 % to 0.01 %, random and clustered      5, 5
growth              ten thousand to ten million items                    12, 12
selection           the 100 best of a million scores                     1, 1
bags                embedding bags of 10 and 50                          3, 7
live                searches while items come, go and change             4, 4
sharing             both cores busy, and a ranker on the other one       5, 3
==================  ===================================================  =====================
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial

import bench.one_thread  # noqa: F401 - before anything loads BLAS
from bench.figures import Figure, report
from bench.retrieval import sets
from bench.retrieval.approximate import approximate
from bench.retrieval.cache import Entry, entry, sources_digest
from bench.retrieval.filters import filters
from bench.retrieval.growth import growth
from bench.retrieval.live import live
from bench.retrieval.peers import versions
from bench.retrieval.run import Outcome, Run, Spent
from bench.retrieval.scan import scan
from bench.retrieval.selection import selection
from bench.retrieval.sharing import sharing
from bench.retrieval.timing import CLOCKS
from bench.sequences import DataAbsent

Part = Callable[[Run], Outcome]


def bags(run: Run, *, rows: int = 5_000_000) -> Outcome:
    """Measure embedding bags; what that needs loads torch, which no other part should see."""
    from bench import bags as module

    return module.bags(run, rows=rows)


PARTS: Mapping[str, Part] = {
    **{f"scan-{dim}": partial(scan, dim) for dim in (64, 128, 256)},
    **{f"approximate-{name}": partial(approximate, name) for name in sets.NAMES},
    "filters": filters,
    "growth": growth,
    "selection": selection,
    "bags": bags,
    "live": live,
    "sharing": sharing,
}
QUICK: Mapping[str, Part] = {
    **{f"scan-{dim}": partial(scan, dim, rows=100_000) for dim in (64, 128, 256)},
    "growth": partial(growth, sizes=(10_000, 100_000)),
    "selection": partial(selection, n=100_000),
    "bags": partial(bags, rows=500_000),
    "live": partial(live, rows=200_000, seconds=3.0),
    "sharing": partial(sharing, seconds=0.5),
}
"""The parts that make their own data, with less of it, and those that take their time."""


def main() -> int:
    """Run all parts, or those that were named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; repeatable")
    parser.add_argument("--fresh", action="store_true", help="measure again what was finished")
    parser.add_argument("--quick", action="store_true", help="less data; the figures say little")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu on a shared machine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    run = Run(options.rounds, options.clock, options.seed)
    parts = options.only or list(PARTS)
    if options.here:
        return max(_measure(part, run, quick=options.quick) for part in parts)
    figures: list[Figure] = []
    details = {"rounds": run.rounds, "clock": run.clock, "packages": versions()}
    for part in parts:
        outcome = _finished(part, run, quick=options.quick, fresh=options.fresh)
        figures += outcome.figures
        details[part] = outcome.details
    name = "retrieval-quick" if options.quick else "retrieval"
    return report(name, figures, seed=run.seed, details=details)


def _place(part: str, run: Run, *, quick: bool) -> Entry:
    content = [part, run.rounds, run.clock, run.seed, quick, versions(), sources_digest()]
    return entry("outcomes", part, content)


def _finished(part: str, run: Run, *, quick: bool, fresh: bool) -> Outcome:
    """Have a part measured by a process of its own, unless that was done."""
    place = _place(part, run, quick=quick)
    if fresh or not place.finished:
        print(f"{part} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "bench.retrieval", "--here", "--only", part]
        command += ["--rounds", str(run.rounds), "--clock", run.clock, "--seed", str(run.seed)]
        status = subprocess.run([*command, *["--quick"] * quick], check=False).returncode
        if status:
            note = f"exit status {status}; what it said stands above"
            return Outcome([Figure(f"{part}: measured", 0, wanted=1, note=note)], {})
    return Outcome.from_record(place.record)


def _measure(part: str, run: Run, *, quick: bool) -> int:
    """Measure a part in this process, and keep what came out."""
    measure = QUICK.get(part, PARTS[part]) if quick else PARTS[part]
    spent = Spent()
    try:
        outcome = measure(run)
    except DataAbsent as absent:
        print(f"{part}: {absent}", file=sys.stderr)
        return 1
    outcome = Outcome(outcome.figures, {**outcome.details, "spent": spent.record()})
    _place(part, run, quick=quick).finish(outcome.as_record())
    return 0


if __name__ == "__main__":
    sys.exit(main())
