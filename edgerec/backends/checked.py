"""The session that both backends hand out: checks first, then this process's engine."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

from edgerec.backends.inputs import InputReader
from edgerec.backends.session import Engine
from edgerec.machine.fork import PerProcess
from edgerec.values.signature import Array, Arrays, Signature

__all__ = ["CheckedSession"]


E = TypeVar("E", bound=Engine)


class CheckedSession(Generic[E]):
    """A :class:`~edgerec.backends.session.Session` around an engine that is built per process.

    Parameters
    ----------
    backend : str
    signature : Signature
    threads : int >= 1
        As granted by the budget.
    engine : PerProcess of Engine
        The engine of each process; what building it raises reaches the first caller.
    """

    def __init__(
        self, backend: str, signature: Signature, threads: int, engine: PerProcess[E]
    ) -> None:
        self.backend = backend
        self.signature = signature
        self.threads = threads
        self._inputs = InputReader(signature)
        self._engine = engine

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Check the inputs and run the engine; see the protocol."""
        return self._engine.get().run(self._inputs.read(inputs))

    def warm(self) -> None:
        """Build the engine of this process."""
        self._engine.get()

    def close(self) -> None:
        """Let go of the engine; calls that are under way end first."""
        self._engine.close()

    def __reduce__(self) -> NoReturn:
        self._engine.__reduce__()

    def __repr__(self) -> str:
        tensors = ", ".join(tensor.name for tensor in self.signature.inputs)
        return f"<{self.backend} session of ({tensors}), {self.threads} thread(s)>"
