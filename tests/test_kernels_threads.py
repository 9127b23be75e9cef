"""Doors let other threads run while C works."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edgerec.kernels.bags import embedding_bags, pack_rows
from edgerec.kernels.quantize import quantize_rows
from edgerec.kernels.rerank import inner_products
from edgerec.kernels.rotate import rotate
from edgerec.kernels.scan import scan_int8
from edgerec.kernels.sketch import scan_sketches, sketch_query, sketch_rows
from edgerec.kernels.topk import top_k

ROWS, DIM, TRIES = 50_000, 64, 200


@pytest.fixture
def _no_turns() -> Iterator[None]:
    """Nobody is asked to hand over the GIL: it changes hands only where it is released."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(usual)


def calls() -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(ROWS, DIM)).astype(np.float32)
    codes, scales = quantize_rows(vectors)
    rows = np.arange(ROWS, dtype=np.int32)
    packed = pack_rows(vectors)
    sketches = sketch_rows(vectors)
    query = sketch_query(vectors[0])
    signs = np.ones((3, DIM), np.int8)
    scores = np.arange(ROWS, dtype=np.float32)
    return {
        "quantize_rows": lambda: quantize_rows(vectors),
        "scan_int8": lambda: scan_int8(codes[0], 1.0, codes, scales, 10, isa="scalar"),
        "embedding_bags": lambda: embedding_bags(
            packed, DIM, np.array([0, ROWS]), rows, isa="scalar"
        ),
        "rotate": lambda: rotate(vectors, signs),
        "sketch_rows": lambda: sketch_rows(vectors),
        "scan_sketches": lambda: scan_sketches(*query, *sketches, 10, isa="scalar"),
        "top_k": lambda: top_k(scores, 10),
        "inner_products": lambda: inner_products(vectors[0], vectors, rows, isa="scalar"),
    }


@pytest.mark.usefixtures("_no_turns")
@pytest.mark.parametrize(
    "name",
    [
        "embedding_bags",
        "inner_products",
        "quantize_rows",
        "rotate",
        "scan_int8",
        "scan_sketches",
        "sketch_rows",
        "top_k",
    ],
)
def test_another_thread_runs_during_the_call(name: str) -> None:
    call = calls()[name]
    for _ in range(TRIES):
        started, done = threading.Event(), threading.Event()

        def work(started: threading.Event = started, done: threading.Event = done) -> None:
            started.set()
            call()
            done.set()

        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        ran_meanwhile = not done.is_set()
        thread.join()
        if ran_meanwhile:
            return
    pytest.fail(f"{name} never let another thread run")
