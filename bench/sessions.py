"""What a session costs beyond its engine, and what the engines' settings are chosen by.

    python -m bench.sessions [--only overhead|streams|memory] [--rounds 40]

``overhead``: a graph of three nodes and a small ranker; our session beside the engine's own call on
the same inputs, one thread, in shuffled turns, in CPU time of the calling thread. ``streams``: the
wall time of a call by OpenVINO's number of streams, and how often the caller has to be woken.
``memory``: what ONNX Runtime keeps after candidates came in many numbers, each setting in a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from bench.figures import Figure, report
from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.evaluation.inputs import random_inputs
from edgerec.values.model import Model
from tests.strategies.sessions import dense, ranker

__all__ = ["main"]

SEED = 5
TURN = 200
CASES = (
    ("3 nodes, 1 input, 4 rows", dense(), 4),
    ("ranker, 3 inputs, 100 rows", ranker(32, 64), 100),
)
SETTINGS = ("as edgerec", "patterns", "no arena", "same as requested")
ORDERS = ("ascending", "descending", "shuffled")
Call = Callable[[], Any]


def overhead(rounds: int) -> Iterator[Figure]:
    """CPU microseconds of one call: the engine's own, and through a session."""
    for label, model, rows in CASES:
        inputs = random_inputs(
            model.signature, rng=np.random.default_rng(SEED), sizes={"candidates": rows}
        )
        sessions = {
            name: backend(name).open(model.graph, model.signature) for name in BACKEND_NAMES
        }
        calls: dict[str, Call] = {
            "signature.check alone": lambda i=inputs, s=model.signature: s.check(i),
            "onnxruntime: run": _onnxruntime(model, inputs),
            "onnxruntime: session": lambda i=inputs, s=sessions["onnxruntime"]: s.run(i),
            "openvino: compiled(inputs)": _openvino(model, inputs, 1, 1),
            "openvino: session": lambda i=inputs, s=sessions["openvino"]: s.run(i),
        }
        times = _turns(calls, rounds, time.thread_time)
        for name, taken in times.items():
            spread = f"quickest turn {min(taken):.1f}"
            yield Figure(f"{label}: {name}", statistics.median(taken), "us", note=spread)
        ratio = min(times["openvino: session"]) / min(times["openvino: compiled(inputs)"])
        yield Figure(f"{label}: openvino session / its own call", ratio, "", "<=", 1.0)


def streams(rounds: int) -> Iterator[Figure]:
    """Microseconds, and how often the caller has to be woken, by number of streams."""
    model, inputs = dense(), {"item": np.ones((4, 16), np.float32)}
    settings = {"0 streams, 1 thread": (0, 1), "1, 1": (1, 1), "1, 2": (1, 2), "2, 2": (2, 2)}
    calls = {name: _openvino(model, inputs, *pair) for name, pair in settings.items()}
    for name, taken in _turns(calls, rounds, time.perf_counter).items():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        for _ in range(TURN):
            calls[name]()
        woken = (resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before) / TURN
        note = f"quickest turn {min(taken):.1f}, {woken:.1f} switches a call"
        yield Figure(f"openvino, streams {name}", statistics.median(taken), "us", note=note)


def memory(rounds: int) -> Iterator[Figure]:
    """Megabytes that a session keeps after 150 numbers of candidates from 100 to 10,000."""
    del rounds
    for order in ORDERS:
        for setting in SETTINGS:
            command = [sys.executable, "-m", "bench.sessions", "--child", setting, order]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            grown, peak = json.loads(done.stdout)
            yield Figure(f"onnxruntime, {setting}, {order}", grown, "MB", note=f"peak {peak:.0f}")


def _turns(
    calls: dict[str, Call], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    rng, names = np.random.default_rng(SEED), list(calls)
    for call in calls.values():
        for _ in range(TURN):
            call()
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for place in rng.permutation(len(names)):
            call = calls[names[place]]
            start = clock()
            for _ in range(TURN):
                call()
            times[names[place]].append(1e6 * (clock() - start) / TURN)
    return times


def _onnxruntime(model: Model, inputs: dict[str, Any]) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.graph, options)
    names = [output.name for output in model.signature.outputs]
    return lambda: session.run(names, inputs)


def _openvino(model: Model, inputs: dict[str, Any], streams: int, threads: int) -> Call:
    import openvino

    core = openvino.Core()
    settings = {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(model.graph), "CPU", settings)
    return lambda: compiled(inputs)


def _child(setting: str, order: str) -> None:
    """Run one setting through one order of sizes and print what memory it took, in MB."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = setting == "patterns"
    options.enable_cpu_mem_arena = setting != "no arena"
    if setting == "same as requested":
        kind, place = (
            onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
            onnxruntime.OrtMemType.DEFAULT,
        )
        arena = onnxruntime.OrtArenaCfg({"arena_extend_strategy": 1})
        about = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, place)
        onnxruntime.create_and_register_allocator(about, arena)
        options.add_session_config_entry("session.use_env_allocators", "1")
    session = onnxruntime.InferenceSession(_wide(), options)
    sizes = np.unique(np.geomspace(100, 10_000, 150).astype(int))
    sizes = sizes[::-1] if order == "descending" else sizes
    if order == "shuffled":
        sizes = np.random.default_rng(SEED).permutation(np.repeat(sizes, 3))
    before = _memory("VmRSS")
    for size in sizes:
        session.run(["y"], {"x": np.ones((size, 64), np.float32)})
    print(json.dumps([_memory("VmRSS") - before, _memory("VmHWM") - before]))


def _wide() -> bytes:
    """A graph whose intermediate tensors are large and whose arithmetic is not."""
    nodes = [
        helper.make_node("Concat", [name, name], [f"{name}x"], axis=1)
        for name in ("x", "xx", "xxx")
    ]
    nodes += [
        helper.make_node("Exp", ["xxxx"], ["e"]),
        helper.make_node("Concat", ["e", "xxxx"], ["k"], axis=1),
        helper.make_node("ReduceSum", ["k", "axis"], ["y"], keepdims=0),
    ]
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, "wide", [x], [y], [axis])
    opset = [onnx.helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString())


def _memory(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def main() -> int:
    """Measure, print, write the results."""
    parts = {"overhead": overhead, "streams": streams, "memory": memory}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if arguments.child:
        _child(*arguments.child)
        return 0
    for name in BACKEND_NAMES:
        backend(name).version()  # imports the engine the silent way
    wanted = [arguments.only] if arguments.only else list(parts)
    figures = [figure for name in wanted for figure in parts[name](arguments.rounds)]
    return report("sessions", figures, seed=SEED, details={"rounds": arguments.rounds})


if __name__ == "__main__":
    sys.exit(main())
