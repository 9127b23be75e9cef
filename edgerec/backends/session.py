"""What every inference engine looks like to the rest of edgerec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgerec.values.signature import Array, Arrays, Signature

__all__ = ["Backend", "Engine", "Session"]


class Session(Protocol):
    """A model opened on a backend.

    Thread-safe: any number of threads may call :meth:`run` at once and get the bits that one alone
    would get. Fork-safe: a forked child builds its own engine when it first runs. Not to be
    pickled.
    """

    @property
    def backend(self) -> str:
        """Name of the backend."""
        ...

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""
        ...

    @property
    def threads(self) -> int:
        """Threads that one call may use; what the process's budget granted."""
        ...

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Compute the outputs, by name, in the order of the signature.

        Inputs are checked against the signature before the engine sees them; they may be
        read-only and of any memory layout, and are never written to. The outputs belong to the
        caller: no later call touches them. They are not checked: finite inputs can give NaN or
        infinity, and those pass through.

        Raises
        ------
        SignatureError, ShapeError, ValueRangeError
            The inputs do not fit the signature; the same on every backend.
        UnsupportedOperator, BackendError
            The engine refuses the model (at the first call in a process) or fails.
        EngineClosed
            After :meth:`close`.
        """
        ...

    def warm(self) -> None:
        """Build the engine now rather than in the first :meth:`run`; raises what that would."""
        ...

    def close(self) -> None:
        """Let go of the engine; a second time does nothing."""
        ...


class Backend(Protocol):
    """An inference engine that models can be opened on."""

    @property
    def name(self) -> str:
        """Name in plans and on the command line."""
        ...

    def version(self) -> str:
        """Version of the engine; imports it."""
        ...

    def silenced(self) -> bool:
        """Whether the engine's telemetry is off in this process.

        False only where the host imported the engine before edgerec could turn it off.
        """
        ...

    def open(self, graph: bytes, signature: Signature, *, threads: int = 1) -> Session:
        """Open a model; the engine itself is built when first used.

        Parameters
        ----------
        graph : bytes
            ONNX ``ModelProto``, self-contained.
        signature : Signature
        threads : int >= 1
            Threads one call may use; the process's budget may grant fewer.

        Raises
        ------
        BackendError
            The graph is not ONNX, or refers to data outside itself.
        """
        ...


class Engine(Protocol):
    """What an adapter provides: the engine of one model in one process."""

    def run(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Run on checked, C-contiguous inputs in the order of the signature; thread-safe."""
        ...
