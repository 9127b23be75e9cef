"""A process that has used an engine can fork; the child uses its own and ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgerec.backends.registry import BACKEND_NAMES

ROOT = Path(__file__).parent.parent


def run(*arguments: str | int, patience_s: float = 240) -> str:
    command = [sys.executable, "-m", "tests.programs.forking", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=patience_s, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_twenty_forks_after_use(name: str) -> None:
    assert run(name, 0, 20) == "ok\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_twenty_forks_while_other_threads_use_it(name: str) -> None:
    assert run(name, 3, 20, patience_s=900) == "ok\n"
