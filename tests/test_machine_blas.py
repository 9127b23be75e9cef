"""The BLAS that numpy brings is found, lowered, never raised, and left alone if the host set it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import numpy
from edgerec.machine.blas import limit_blas
from tests.oracles.blas import blas_threads
before = blas_threads()
lowered = limit_blas({threads})
numpy.ones((64, 64)) @ numpy.ones((64, 64))
print(before, len(lowered), blas_threads())
"""
CORES = len(os.sched_getaffinity(0))


def limited(threads: int, **environment: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(threads=threads)],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(CORES < 2, reason="one core: BLAS takes one thread anyway")
def test_lowered() -> None:
    before, lowered, after = limited(1).split()
    assert (int(before.strip("{}")) > 1, lowered, after) == (True, "1", "{1}")


def test_never_raised() -> None:
    before, lowered, after = limited(10_000).split()
    assert (lowered, after) == ("0", before)


@pytest.mark.parametrize("variable", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_left_alone_where_the_host_has_set_it(variable: str) -> None:
    assert limited(1, **{variable: "2"}).split()[1] == "0"
