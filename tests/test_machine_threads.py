"""One budget a process: the first call sets it, sessions lease from it, BLAS is held to it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import ValueRangeError
from edgerec.machine.limits import available_cores
from edgerec.machine.threads import ThreadBudget, thread_budget


def in_new_process(code: str, **environment: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", f"from edgerec.machine.threads import thread_budget\n{code}"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() + done.stderr.strip()


@given(st.integers(1, 64), st.integers(1, 64))
def test_leases_stay_within_the_budget(budget: int, wanted: int) -> None:
    threads = ThreadBudget(budget).lease(wanted)
    calls = ThreadBudget(budget).parallel(wanted)
    assert threads == min(wanted, budget)
    assert calls >= 1
    assert calls * threads <= budget
    assert (calls + 1) * threads > budget


@pytest.mark.parametrize("threads", [0, -1])
def test_below_one_is_refused(threads: int) -> None:
    for call in (thread_budget, ThreadBudget(2).lease, ThreadBudget(2).parallel):
        with pytest.raises(ValueRangeError, match="at least 1"):
            call(threads)


def test_the_first_call_sets_it() -> None:
    code = "print([thread_budget(*a).threads for a in ((3,), (), (3,), (5,), (1,))])"
    said = in_new_process(code)
    assert said.startswith("[3, 3, 3, 3, 3]")
    assert "5 threads asked, but the budget is 3 already" in said


def test_without_a_wish_it_is_what_the_machine_leaves() -> None:
    assert in_new_process("print(thread_budget().threads)") == str(available_cores())


def test_threads_that_race_get_the_same_budget() -> None:
    code = """
import logging; logging.disable()
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(len(set(pool.map(thread_budget, range(1, 9)))))"""
    assert in_new_process(code) == "1"


def test_a_forked_child_keeps_it() -> None:
    code = """
import os
thread_budget(3)
if os.fork() == 0:
    print(thread_budget(5).threads, flush=True); os._exit(0)
os.wait()"""
    assert in_new_process(code).startswith("3")


def test_blas_is_held_to_it() -> None:
    code = """
import numpy
from tests.oracles.blas import blas_threads
thread_budget(1)
print(blas_threads())"""
    assert in_new_process(code) == "{1}"
