"""Retrieval beside its peers.

    make bench-retrieval
    python -m bench.retrieval --only scan-128 --only approximate-clustered

Prints a line a figure, ending in ``ok`` or ``short``; writes ``bench/results/retrieval.json``;
exits with 1 where one is short.  One process, one thread for everybody.  A part that was finished
with the same code, packages and settings is not measured again: ``--fresh`` measures it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial

# One thread for every contender, set before anything loads BLAS.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from bench.figures import Figure, report  # noqa: E402
from bench.retrieval import sets  # noqa: E402
from bench.retrieval.approximate import approximate  # noqa: E402
from bench.retrieval.cache import entry, sources_digest  # noqa: E402
from bench.retrieval.filters import filters  # noqa: E402
from bench.retrieval.growth import growth  # noqa: E402
from bench.retrieval.peers import versions  # noqa: E402
from bench.retrieval.run import Outcome, Run  # noqa: E402
from bench.retrieval.scan import scan  # noqa: E402
from bench.retrieval.selection import selection  # noqa: E402
from bench.retrieval.sharing import sharing  # noqa: E402
from bench.retrieval.timing import CLOCKS  # noqa: E402
from bench.sequences import DataAbsent  # noqa: E402

Part = Callable[[Run], Outcome]
PARTS: Mapping[str, Part] = {
    **{f"scan-{dim}": partial(scan, dim) for dim in (64, 128, 256)},
    **{f"approximate-{name}": partial(approximate, name) for name in sets.NAMES},
    "filters": filters,
    "growth": growth,
    "selection": selection,
    "sharing": sharing,
}


def main() -> int:
    """Run all parts, or those that were named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; repeatable")
    parser.add_argument("--fresh", action="store_true", help="measure again what was finished")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu on a shared machine")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run = Run(options.rounds, options.clock, options.seed)
    figures: list[Figure] = []
    details = {"rounds": run.rounds, "clock": run.clock, "packages": versions()}
    for part in options.only or PARTS:
        outcome = _finished(part, run, fresh=options.fresh)
        figures += outcome.figures
        details[part] = outcome.details
    return report("retrieval", figures, seed=run.seed, details=details)


def _finished(part: str, run: Run, *, fresh: bool) -> Outcome:
    """Measure a part, unless that was done."""
    content = [part, run.rounds, run.clock, run.seed, versions(), sources_digest()]
    place = entry("outcomes", part, content)
    if place.finished and not fresh:
        return Outcome.from_record(place.record)
    print(f"{part} ...", file=sys.stderr, flush=True)
    try:
        outcome = PARTS[part](run)
    except DataAbsent as absent:
        print(f"{part}: {absent}", file=sys.stderr)
        return Outcome([Figure(f"{part}: no data", 0, wanted=1)], {})
    place.finish(outcome.as_record())
    return outcome


if __name__ == "__main__":
    sys.exit(main())
