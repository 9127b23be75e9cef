"""A value of a process: built once, at need, by each process; never destroyed in a child."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from edgerec.errors import BackendError, EngineClosed
from edgerec.machine.fork import PerProcess


def in_child(check: Callable[[], bool]) -> bool:
    """Whether ``check`` is true in a forked child."""
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitpid(child, 0)[1] == 0


def test_built_once_and_at_need() -> None:
    counter = count()
    holder = PerProcess(lambda: next(counter))
    assert not holder.built
    assert [holder.get() for _ in range(3)] == [0, 0, 0]
    assert holder.built


def test_built_once_by_threads_that_race() -> None:
    counter = count()

    def build() -> int:
        time.sleep(0.05)
        return next(counter)

    holder = PerProcess(build)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: holder.get(), range(8))) == {0}


def test_a_falsy_value_is_a_value() -> None:
    built = []
    holder = PerProcess(lambda: built.append(1))
    assert [holder.get(), holder.get()] == [None, None]
    assert built == [1]


def test_a_failed_build_is_tried_again() -> None:
    attempts = iter([ValueError("not yet"), ValueError("not yet")])

    def build() -> str:
        for error in attempts:
            raise error
        return "built"

    holder = PerProcess(build)
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            holder.get()
    assert holder.get() == "built"


def test_closed() -> None:
    holder = PerProcess(lambda: 1, name="the thing")
    holder.get()
    holder.close()
    holder.close()
    with pytest.raises(EngineClosed, match="the thing is closed"):
        holder.get()
    assert in_child(lambda: raises_closed(holder))


def raises_closed(holder: PerProcess[int]) -> bool:
    with pytest.raises(EngineClosed):
        holder.get()
    return True


@pytest.mark.parametrize("send", [pickle.dumps, copy.copy, copy.deepcopy])
def test_not_to_be_sent(send: Callable[[object], object]) -> None:
    with pytest.raises(BackendError, match="cannot be pickled"):
        send(PerProcess(int))


def test_each_process_builds_its_own() -> None:
    holder = PerProcess(os.getpid)
    assert holder.get() == os.getpid()
    assert in_child(
        lambda: holder.get() == os.getpid() and in_child(lambda: holder.get() == os.getpid())
    )
    assert holder.get() == os.getpid()


def test_closing_in_a_child_closes_nothing_else() -> None:
    holder = PerProcess(os.getpid)
    holder.get()
    assert in_child(lambda: holder.close() is None)
    assert holder.get() == os.getpid()


def test_a_fork_while_another_thread_builds() -> None:
    building, go_on = threading.Event(), threading.Event()

    def build() -> int:
        if threading.current_thread() is not threading.main_thread():
            building.set()
            go_on.wait(30)
        return os.getpid()

    holder = PerProcess(build)
    thread = threading.Thread(target=holder.get)
    thread.start()
    building.wait(30)
    try:
        assert in_child(lambda: holder.get() == os.getpid())
    finally:
        go_on.set()
        thread.join()


def test_paused_for_the_fork_and_no_longer() -> None:
    said = []

    def pause(value: int, patience_s: float) -> Callable[[], None]:
        assert 0 < patience_s <= 60
        said.append(f"pause {value}")
        return lambda: said.append("go on")

    holder = PerProcess(lambda: 7, pause=pause)
    assert in_child(lambda: said == [])  # nothing is built, so nothing is paused
    holder.get()
    assert in_child(lambda: said == ["pause 7"] and holder.get() == 7)
    assert said == ["pause 7", "go on"]
    holder.close()
    assert in_child(lambda: said == ["pause 7", "go on"])


def test_threads_that_fork_at_once() -> None:
    holder = PerProcess(os.getpid, pause=lambda _value, _patience_s: lambda: None)
    holder.get()
    with ThreadPoolExecutor(4) as pool:
        checks = [pool.submit(in_child, lambda: holder.get() == os.getpid()) for _ in range(12)]
        assert all(check.result(60) for check in checks)


@pytest.mark.parametrize("leave", ["pass", "del holder", "import sys; sys.exit()"])
def test_the_inherited_value_is_never_destroyed(leave: str) -> None:
    code = f"""
import os
from edgerec.machine.fork import PerProcess
class Engine:
    def __init__(self): self.owner = os.getpid()
    def __del__(self): os.write(1, b"own " if self.owner == os.getpid() else b"inherited ")
holder = PerProcess(Engine)
holder.get()
child = os.fork()
if child == 0:
    holder.get()
    {leave}
else:
    os.waitpid(child, 0)
    os.write(1, b"parent ")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert b"inherited" not in done.stdout
    assert done.stdout.endswith(b"parent own "), done.stderr


def test_a_fork_while_values_are_opened_prepares_all_of_them() -> None:
    program = """
import os, sys, threading
from edgerec.machine.fork import PerProcess

lost, over = [], threading.Event()
sys.unraisablehook = lambda what: lost.append(what.exc_value)
sys.setswitchinterval(1e-6)


def open_many():
    while not over.is_set():
        held = [PerProcess(int) for _ in range(50)]


thread = threading.Thread(target=open_many)
thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        os._exit(1 if lost else 0)
    os.waitpid(child, 0)
over.set()
thread.join()
sys.exit(1 if lost else 0)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=120, check=False).returncode == 0
