"""Use sessions, fork, run them in the child, let the child end the ordinary way; again and again.

``python -m tests.programs.forking BACKEND CALLERS FORKS`` prints ``ok`` in the end. One session has
one thread, the other two. CALLERS threads run both all the while. A child that takes longer than a
minute ends with a traceback and status 1.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.evaluation.inputs import random_inputs
from edgerec.machine.threads import thread_budget
from edgerec.values.signature import Array
from tests.strategies.sessions import ranker

PATIENCE_S = 60


def main(name: str, callers: int, forks: int) -> None:
    thread_budget(2)
    model = ranker(dim=32, hidden=128)
    sessions = [backend(name).open(model.graph, model.signature, threads=n) for n in (1, 2)]
    inputs = random_inputs(model.signature, rng=np.random.default_rng(0), sizes={"candidates": 200})
    wanted = sessions[0].run(inputs)
    with calling(sessions, inputs, callers):
        for _ in range(forks):
            child = os.fork()
            if child == 0:
                faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
                check(sessions, inputs, wanted)
                sys.exit()  # runs every destructor, which is where an inherited engine would hang
            _, status = os.waitpid(child, 0)
            assert status == 0, f"a child ended with status {status}"
            check(sessions, inputs, wanted)
    print("ok")


def check(sessions: Sequence[Session], inputs: dict[str, Array], wanted: dict[str, Array]) -> None:
    for session in sessions:
        for output, array in session.run(inputs).items():
            np.testing.assert_allclose(array, wanted[output], rtol=1e-5, err_msg=output)


@contextlib.contextmanager
def calling(sessions: Sequence[Session], inputs: dict[str, Array], callers: int) -> Iterator[None]:
    """Keep threads running the sessions meanwhile."""
    parent, over = os.getpid(), threading.Event()

    def call() -> None:
        while not over.is_set():
            for session in sessions:
                session.run(inputs)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        if os.getpid() == parent:
            over.set()
            for thread in threads:
                thread.join()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
