"""OpenVINO. No other file imports it."""

from __future__ import annotations

import re
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from edgerec.backends.checked import CheckedSession
from edgerec.backends.external_data import refuse_external_data
from edgerec.backends.ports import Port, check_ports
from edgerec.errors import BackendError, MissingDependency, UnsupportedOperator
from edgerec.machine.threads import thread_budget
from edgerec.values.signature import Array, Signature

__all__ = ["OpenVino"]

TELEMETRY = "openvino_telemetry"
CONVERTER = "openvino.tools.ovc"
SMALL_BYTES = 32768
"""Inputs up to this size are copied into a buffer that stays bound, which is quicker than binding
the caller's."""
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

    def open(self, graph: bytes, signature: Signature, *, threads: int = 1) -> CheckedSession:
        """Open a model; see the protocol."""
        refuse_external_data(graph)
        budget = thread_budget()
        granted = budget.lease(threads)
        lanes = budget.parallel(granted)
        build = partial(OpenVinoEngine, graph, signature, threads=granted, lanes=lanes)
        return CheckedSession(self.name, signature, granted, build)


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
        self._slots = threading.Semaphore(lanes)
        self._idle: deque[Lane] = deque()
        try:
            self._graph = self._core.read_model(graph)
            self._idle.append(self._open_lane())
        except RuntimeError as error:
            raise _refusal(error) from error

    def run(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Run the graph; the outputs are copies."""
        with self._slots:
            try:
                lane = self._idle.pop() if self._idle else self._open_lane()
                found = lane.run(arrays)
            except RuntimeError as error:  # and the lane is dropped: who knows its state
                raise _refusal(error) from error
            self._idle.append(lane)
            return found

    def _open_lane(self) -> Lane:
        model = self._core.compile_model(self._graph, "CPU", self._settings)
        inputs = [tensor.name for tensor in self._signature.inputs]
        outputs = [tensor.name for tensor in self._signature.outputs]
        check_ports(self._signature, _ports(model.inputs, inputs), _ports(model.outputs, outputs))
        return Lane(
            self._runtime.Tensor,
            model.create_infer_request(),
            inputs=_places(model.inputs, inputs),
            outputs=_places(model.outputs, outputs),
        )


class Lane:
    """A compiled model's request and the buffers bound to it."""

    def __init__(
        self, tensor: Any, request: Any, *, inputs: Mapping[str, int], outputs: Mapping[str, int]
    ) -> None:
        self._tensor = tensor
        self._request = request
        self._places = tuple(inputs.values())
        self._outputs = tuple(outputs.items())
        self._buffers: list[Array | None] = [None] * len(inputs)

    def run(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Bind the inputs, run, copy the outputs."""
        for place, array in enumerate(arrays):
            self._bind(place, array)
        request = self._request
        request.infer(share_outputs=True)
        return {name: request.get_output_tensor(place).data.copy() for name, place in self._outputs}

    def _bind(self, place: int, array: Array) -> None:
        buffer = self._buffers[place]
        if array.nbytes > SMALL_BYTES and array.flags.writeable:
            buffer = None  # the engine never writes to an input, but binds no read-only memory
        elif buffer is not None and buffer.shape == array.shape:
            buffer[...] = array
            return
        else:
            buffer = array = array.copy()
        self._buffers[place] = buffer
        self._request.set_input_tensor(self._places[place], self._tensor(array, shared_memory=True))


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
        # One stream runs in the thread that calls; with more, every call is handed to another one.
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # other libraries use these cores as well
        "INFERENCE_PRECISION_HINT": "f32",  # some CPUs would silently compute in bfloat16
    }


def _ports(values: Sequence[Any], wanted: Sequence[str]) -> dict[str, Port]:
    """Read the ports by name; of a tensor's several names, those that the signature uses."""
    found = {}
    for value in values:
        names = value.names & set(wanted) or {min(value.names)}
        found.update(dict.fromkeys(names, _port(value)))
    return found


def _port(value: Any) -> Port:
    shape = value.partial_shape
    if shape.rank.is_dynamic:
        return Port(_dtype(value), None)
    sizes = (None if size.is_dynamic else size.get_length() for size in shape)
    return Port(_dtype(value), tuple(sizes))


def _dtype(value: Any) -> str:
    return str(value.element_type.to_dtype().name)


def _places(values: Sequence[Any], names: Sequence[str]) -> dict[str, int]:
    """Find the place of each name."""
    return {
        name: next(place for place, value in enumerate(values) if name in value.names)
        for name in names
    }


def _refusal(error: Exception) -> BackendError:
    reason = " ".join(str(error).split())
    match = OPERATOR.search(reason)
    if match:
        operator = match[1].split("-")[0]
        return UnsupportedOperator(f"OpenVINO cannot run the operator {operator}: {reason}")
    return BackendError(f"OpenVINO cannot run the model: {reason}")
