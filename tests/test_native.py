"""Every implementation against scalar in native programs: guarded buffers, emulated machines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "native" / "run"
MISSING_TOOL = 77


def check(kind: str, *options: str) -> str:
    """What the checker printed; skips where the kind of machine needs a tool that is missing."""
    done = subprocess.run([RUN, kind, *options], capture_output=True, text=True, check=False)
    if done.returncode == MISSING_TOOL:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["host", "sanitize", "aarch64", "simde"])
def test_every_implementation_gives_the_bits_of_scalar(kind: str) -> None:
    assert "executions, no difference" in check(kind, "--cases", "500")


@pytest.mark.slow
def test_kernels_in_several_threads_share_nothing_that_is_written() -> None:
    assert "executions, no difference" in check("threads", "--threads", "4", "--cases", "30")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "isa"),
    [
        ("aarch64", "neon"),
        ("aarch64", "neondot"),
        ("simde", "avx2"),
        ("simde", "avx512"),
        ("simde", "avx512vnni"),
        ("simde", "avx512vpopcntdq"),
    ],
)
def test_the_emulated_machine_runs_what_this_one_may_lack(kind: str, isa: str) -> None:
    assert f" {isa}" in check(kind, "--isa", isa, "--cases", "1")
