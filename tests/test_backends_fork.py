"""A process that has used an engine can fork; the child uses its own and ends."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edgerec.backends.openvino import OpenVinoEngine
from edgerec.backends.registry import BACKEND_NAMES
from tests.strategies.sessions import dense

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


def test_a_pause_is_not_starved_by_calls_that_follow_each_other() -> None:
    model, inputs = dense(), {"item": np.ones((4, 16), np.float32)}
    engine = OpenVinoEngine(model.graph, model.signature, threads=1, lanes=1)
    over, calls = threading.Event(), [0, 0, 0]

    def call(place: int) -> None:
        while not over.is_set():
            engine.run([inputs["item"]])
            calls[place] += 1

    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(call, place) for place in range(len(calls))]
        resume = engine.pause(1.0)
        time.sleep(0.02)  # what has ended is counted
        before = list(calls)
        time.sleep(0.1)
        after = list(calls)
        over.set()
        resume()
        for future in running:
            future.result()
    assert after == before
    assert engine.run([inputs["item"]])
