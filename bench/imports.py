"""What importing edgerec loads and how long it takes, each time in a fresh process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from bench.figures import Figure

__all__ = ["import_figures"]

RUNS = 7
LOADED = """
import json, sys
import edgerec
known = sys.stdlib_module_names | {"edgerec", "numpy", "__main__"}
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - known)))
"""
TIMED = """
import time
import numpy
start = time.perf_counter()
import edgerec
print(time.perf_counter() - start)
"""


def import_figures() -> list[Figure]:
    """Measure ``import edgerec`` beyond numpy, and ``edgerec --help`` with the interpreter."""
    foreign = [name for name in json.loads(_python(LOADED)) if not _bootstrap(name)]
    imports = [1000 * float(_python(TIMED)) for _ in range(RUNS)]
    helps = [_help_ms() for _ in range(RUNS)]
    return [
        Figure(
            "packages that import edgerec loads beyond numpy",
            len(foreign),
            relation="==",
            wanted=0,
            note=", ".join(foreign),
        ),
        Figure("import edgerec beyond numpy", statistics.median(imports), "ms", "<=", 150),
        Figure("edgerec --help", statistics.median(helps), "ms", "<=", 300),
    ]


def _bootstrap(name: str) -> bool:
    """Whether the interpreter itself loaded it: an editable install's finder, site's hooks."""
    return name.startswith(("__editable__", "_virtualenv", "sitecustomize", "_distutils_hack"))


def _python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _help_ms() -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "edgerec.cli.main", "--help"]
    subprocess.run(command, check=True, capture_output=True)
    return 1000 * (time.perf_counter() - start)
