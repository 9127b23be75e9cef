"""ONNX Runtime. No other file imports it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
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
from edgerec.values.signature import Array, Signature

__all__ = ["OnnxRuntime"]

SILENCE = "ORT_DISABLE_TELEMETRY"
FATAL = 4
OPERATOR = re.compile(
    r"No Op registered for (\S+)"
    r"|implementation for (\S+)"
    r"|Fatal error: (\S+?)\(.*not a registered function/op"
    r"|NOT_IMPLEMENTED : (\w+)"
)


class OnnxRuntime:
    """The CPU provider of ONNX Runtime."""

    name = "onnxruntime"

    def version(self) -> str:
        """Version of ONNX Runtime."""
        return str(_runtime().__version__)

    def silenced(self) -> bool:
        """Whether telemetry is off: the variable was there before the library was."""
        return "onnxruntime" not in sys.modules or os.environ.get(SILENCE) == "1"

    def open(self, graph: bytes, signature: Signature, *, threads: int = 1) -> Session:
        """Open a model; see the protocol."""
        refuse_external_data(graph)
        check_ports(graph, signature)
        granted = thread_budget().lease(threads)
        build = partial(OnnxRuntimeEngine, graph, signature, granted)
        engine = PerProcess(build, name="a session of onnxruntime")
        return CheckedSession(self.name, signature, granted, engine)


class OnnxRuntimeEngine:
    """One model in one process. ``InferenceSession.run`` is thread-safe and lends no memory."""

    def __init__(self, graph: bytes, signature: Signature, threads: int) -> None:
        runtime = _runtime()
        self._errors = _errors(runtime)
        try:
            self._session = runtime.InferenceSession(
                graph, _options(runtime, threads), providers=["CPUExecutionProvider"]
            )
        except self._errors as error:
            raise _refusal(error) from error
        self._inputs = [tensor.name for tensor in signature.inputs]
        self._outputs = [tensor.name for tensor in signature.outputs]

    def run(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Run the graph; the outputs own their memory."""
        try:
            found = self._session.run(self._outputs, dict(zip(self._inputs, arrays, strict=True)))
        except self._errors as error:
            raise _refusal(error) from error
        return dict(zip(self._outputs, found, strict=True))


def _runtime() -> ModuleType:
    """Import ONNX Runtime with its telemetry off: it starts a thread that a fork loses."""
    if "onnxruntime" not in sys.modules:
        os.environ.setdefault(SILENCE, "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(f"ONNX Runtime: pip install onnxruntime ({error})") from error
    module: ModuleType = onnxruntime
    return module


def _options(runtime: ModuleType, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # A plan of memory is cached for every shape ever seen; candidates come in any number.
    options.enable_mem_pattern = False
    # Idle threads would burn the cores that other sessions need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = FATAL  # what goes wrong is raised, not printed
    return options


def _errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """List the exceptions of ONNX Runtime: one class a status, with no parent of their own."""
    state = runtime.capi.onnxruntime_pybind11_state
    found = [value for value in vars(state).values() if isinstance(value, type)]
    return (RuntimeError, *(value for value in found if issubclass(value, Exception)))


def _refusal(error: Exception) -> BackendError:
    reason = " ".join(str(error).split())
    match = OPERATOR.search(reason)
    if match:
        operator = next(group for group in match.groups() if group)
        return UnsupportedOperator(f"ONNX Runtime cannot run the operator {operator}: {reason}")
    return BackendError(f"ONNX Runtime cannot run the model: {reason}")
