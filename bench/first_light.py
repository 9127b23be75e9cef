"""First light: the compiled SASRec against its peers, and what an import costs.

    make bench-first-light
    python -m bench.first_light --only imports

Prints a line a figure, ending in ``ok`` or ``short``; writes ``bench/results/first_light.json``;
exits with 1 where one is short.
"""

from __future__ import annotations

import argparse
import os
import sys

# One thread for every contender, set before anything loads BLAS.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from bench.figures import Figure, report  # noqa: E402
from bench.imports import import_figures  # noqa: E402
from bench.sasrec import sasrec_figures  # noqa: E402
from bench.sequences import DataAbsent, load  # noqa: E402
from bench.train_sasrec import DATA_SET  # noqa: E402

PARTS = {"imports": None, "sasrec-64": 64, "sasrec-256": 256}


def main() -> int:
    """Run all parts, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    figures: list[Figure] = []
    details = {}
    for part in [options.only] if options.only else PARTS:
        dim = PARTS[part]
        if dim is None:
            figures += import_figures()
            continue
        try:
            sequences = load(DATA_SET)
        except DataAbsent as absent:
            print(f"{part}: {absent}", file=sys.stderr)
            figures.append(Figure(f"SASRec d={dim}: no data", 0, wanted=1))
            continue
        found, details[part] = sasrec_figures(sequences, dim, seed=options.seed)
        figures += found
    return report("first_light", figures, seed=options.seed, details=details)


if __name__ == "__main__":
    sys.exit(main())
