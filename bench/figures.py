"""Figures that were promised, what was measured, and the file that keeps both."""

from __future__ import annotations

import json
import operator
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from edgerec.kernels import dispatch
from edgerec.machine.cpu import cpu

__all__ = ["Figure", "report", "surroundings"]

Relation = Literal[">=", "<=", "=="]
RELATIONS: Mapping[Relation, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("edgerec", "faiss-cpu", "numpy", "onnx", "onnxruntime", "openvino", "torch")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number and what it must reach; ``wanted`` None only informs."""

    name: str
    value: float
    unit: str = ""
    relation: Relation = ">="
    wanted: float | None = None
    note: str = ""

    @property
    def reached(self) -> bool:
        """Whether the value holds the relation; NaN never does."""
        return self.wanted is None or RELATIONS[self.relation](self.value, self.wanted)

    @property
    def line(self) -> str:
        """One line of text, ending in ``ok`` or ``short`` where something is wanted."""
        value = f"{self.value:.4g}{self.unit and ' ' + self.unit}"
        if self.wanted is None:
            return f"        {self.name}: {value}{self.note and '  ' + self.note}"
        verdict = "ok" if self.reached else "short"
        wanted = f"wanted {self.relation} {self.wanted:g}"
        return f"{verdict:>5}   {self.name}: {value} ({wanted}){self.note and '  ' + self.note}"


def report(name: str, figures: Iterable[Figure], *, seed: int, details: Mapping[str, Any]) -> int:
    """Print each figure, write ``bench/results/<name>.json``, and return the exit status.

    Returns
    -------
    int
        1 where a figure falls short, else 0.
    """
    figures = list(figures)
    for figure in figures:
        print(figure.line)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {
        **surroundings(seed),
        "figures": [{**asdict(figure), "reached": figure.reached} for figure in figures],
        **details,
    }
    path.write_text(json.dumps(content, indent=2, sort_keys=False) + "\n")
    short = sum(not figure.reached for figure in figures)
    print(f"{short} of {len(figures)} short; {path}", file=sys.stderr)
    return int(short > 0)


def surroundings(seed: int) -> dict[str, Any]:
    """Name all that the numbers depend on: machine, versions, commit, seed, command."""
    machine = cpu()
    return {
        "command": shlex.join(["python", "-m", *_module(), *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "seed": seed,
        "cpu": machine.model,
        "isas": list(machine.isas),
        "kernels": {family: dispatch.chosen(family) for family in dispatch.families()},
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _installed()},
    }


def _module() -> list[str]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return [spec.name if spec else sys.argv[0]]


def _installed() -> list[str]:
    present = {(d.metadata["Name"] or "").lower() for d in metadata.distributions()}
    return [name for name in PACKAGES if name in present]


def _commit() -> str:
    """Give the commit, with ``+`` where files differ from it; ``unknown`` outside a checkout."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return commit + ("+" if _git(here, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
