"""OpenVINO. No other file imports it."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from edgerec.backends.checked import CheckedSession
from edgerec.backends.external_data import refuse_external_data
from edgerec.backends.ports import check_ports
from edgerec.backends.session import Session
from edgerec.errors import BackendError, MissingDependency, UnsupportedOperator
from edgerec.machine.fork import PerProcess
from edgerec.machine.threads import thread_budget
from edgerec.values.signature import Array, Input, Output, Signature

__all__ = ["OpenVino"]

TELEMETRY = "openvino_telemetry"
CONVERTER = "openvino.tools.ovc"
SMALL_BYTES = 32768
"""Inputs up to this size are copied into a buffer that stays bound, which is quicker than binding
the caller's."""
SETTLE_S = 0.02
"""What its worker threads need to fall asleep after a call; awake, they hold a lock of their pool
now and then, and a child that inherits it held can build no engine."""
Places = tuple[tuple[str, int | None], ...]
"""Name and port of each tensor of a signature."""
OPERATOR = re.compile(
    r"(?:No conversion rule found for operations|Conversion is failed for): (\S+)"
)


class OpenVino:
    """The CPU plug-in of OpenVINO."""

    name = "openvino"

    def version(self) -> str:
        """Version of OpenVINO."""
        return str(_runtime().__version__)

    def silenced(self) -> bool:
        """Whether telemetry is off: its package is blocked."""
        return sys.modules.get(TELEMETRY) is None

    def open(self, graph: bytes, signature: Signature, *, threads: int = 1) -> Session:
        """Open a model; see the protocol."""
        refuse_external_data(graph)
        check_ports(graph, signature)
        budget = thread_budget()
        granted = budget.lease(threads)
        lanes = budget.parallel(granted)
        build = partial(OpenVinoEngine, graph, signature, threads=granted, lanes=lanes)
        engine = PerProcess(build, name="a session of openvino", pause=OpenVinoEngine.pause)
        return CheckedSession(self.name, signature, granted, engine)


class OpenVinoEngine:
    """One model in one process: lanes, each of which serves one call at a time.

    A lane is opened when a call finds none idle. A process that makes one call at a time has one
    lane; the budget bounds their number, and further calls wait. Lanes are kept in a queue and not
    one a thread: what belongs to a thread would be destroyed in a forked child, which hangs it.
    """

    def __init__(self, graph: bytes, signature: Signature, *, threads: int, lanes: int) -> None:
        self._runtime = _runtime()
        self._signature = signature
        self._settings = _settings(threads)
        self._core = self._runtime.Core()
        self._lanes, self._threads = lanes, threads
        self._slots = threading.Semaphore(lanes)
        self._going = threading.Event()
        self._going.set()
        self._idle: deque[Lane] = deque()
        try:
            self._graph = self._core.read_model(graph)
            self._idle.append(self._open_lane())
        except RuntimeError as error:
            raise _refusal(error) from error

    def run(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Run the graph; the outputs are copies."""
        if not self._going.is_set():
            self._going.wait()
        with self._slots:
            try:
                lane = self._lane()
                found = lane.run(arrays)
            except RuntimeError as error:  # and the lane is dropped: who knows its state
                raise _refusal(error) from error
            self._idle.append(lane)
            return found

    def pause(self, patience_s: float) -> Callable[[], None]:
        """Take every slot, so that no lock of OpenVINO is held; the result gives them back.

        New calls wait outside: a semaphore is not fair, and callers that follow each other would
        never leave a slot to take.
        """
        self._going.clear()
        deadline = time.monotonic() + patience_s
        taken = 0
        while taken < self._lanes and self._slots.acquire(
            timeout=max(0.0, deadline - time.monotonic())
        ):
            taken += 1
        if self._threads > 1:
            time.sleep(SETTLE_S)
        return partial(self._resume, taken)

    def _resume(self, taken: int) -> None:
        if taken:
            self._slots.release(taken)
        self._going.set()

    def _lane(self) -> Lane:
        try:
            return self._idle.pop()  # the one used last: its memory is in the cache
        except IndexError:
            return self._open_lane()

    def _open_lane(self) -> Lane:
        model = self._core.compile_model(self._graph, "CPU", self._settings)
        return Lane(
            self._runtime.Tensor,
            model.create_infer_request(),
            inputs=_places(model.inputs, self._signature.inputs),
            outputs=_places(model.outputs, self._signature.outputs),
        )


class Lane:
    """A compiled model's request and the buffers bound to it."""

    def __init__(self, tensor: Any, request: Any, *, inputs: Places, outputs: Places) -> None:
        self._tensor = tensor
        self._request = request
        self._inputs = inputs
        self._outputs = outputs
        self._buffers: list[Array | None] = [None] * len(inputs)

    def run(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Bind the inputs, run, copy the outputs."""
        for (_, port), array in zip(self._inputs, arrays, strict=True):
            if port is not None:
                self._bind(port, array)
        request = self._request
        request.infer(share_outputs=True)
        return {name: request.get_output_tensor(port).data.copy() for name, port in self._outputs}

    def _bind(self, port: int, array: Array) -> None:
        buffer = self._buffers[port]
        if array.nbytes > SMALL_BYTES and array.flags.writeable:
            buffer = None  # the engine never writes to an input, but binds no read-only memory
        elif buffer is not None and buffer.shape == array.shape:
            buffer[...] = array
            return
        else:
            buffer = array = array.copy()
        self._buffers[port] = buffer
        self._request.set_input_tensor(port, self._tensor(array, shared_memory=True))


def _runtime() -> ModuleType:
    """Import OpenVINO without the package that reports to its makers.

    Its converter is what loads that package, takes most of the import's time, and is not needed.
    The host can still import the converter by itself afterwards; the reporter stays blocked.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]
        sys.modules[CONVERTER] = None  # type: ignore[assignment]
    try:
        import openvino
    except ImportError as error:
        raise MissingDependency(f"OpenVINO: pip install openvino ({error})") from error
    finally:
        if sys.modules.get(CONVERTER) is None:
            sys.modules.pop(CONVERTER, None)
    module: ModuleType = openvino
    return module


def _settings(threads: int) -> dict[str, Any]:
    return {
        # Both run in the thread that calls and not, as more streams would, in one that must be
        # woken. With one thread it has to be 0: then 1 loses errors, and a failed call returns
        # what the call before it returned.
        "NUM_STREAMS": 0 if threads == 1 else 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # other libraries use these cores as well
        "INFERENCE_PRECISION_HINT": "f32",  # some CPUs would silently compute in bfloat16
    }


def _places(ports: Sequence[Any], tensors: Sequence[Input | Output]) -> Places:
    """Find the port of each tensor; OpenVINO has none for an input that nothing uses."""
    found = {name: place for place, port in enumerate(ports) for name in port.names}
    return tuple((tensor.name, found.get(tensor.name)) for tensor in tensors)


def _refusal(error: Exception) -> BackendError:
    reason = " ".join(str(error).split())
    match = OPERATOR.search(reason)
    if match:
        operator = match[1].split("-")[0]
        return UnsupportedOperator(f"OpenVINO cannot run the operator {operator}: {reason}")
    return BackendError(f"OpenVINO cannot run the model: {reason}")
