"""Things that a process must make for itself, because they do not survive a fork.

An inference engine owns threads and locks. In a forked child the threads are gone, so running the
inherited engine may wait for ever, and destroying it joins threads that do not exist. The child
therefore builds its own and never lets go of the inherited one, not even when it exits.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import ClassVar, Generic, NoReturn, TypeVar
from weakref import WeakSet

from edgerec.errors import BackendError, EngineClosed

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value that is built when first needed, once in every process; thread-safe.

    Parameters
    ----------
    build : callable
        Makes the value. What it raises reaches the caller, and the next call tries again.
    name : str
        What the value is, for messages.
    """

    _living: ClassVar[WeakSet[PerProcess[object]]] = WeakSet()

    def __init__(self, build: Callable[[], T], *, name: str = "it") -> None:
        self._build = build
        self._name = name
        self._lock = threading.Lock()
        self._closed = False
        self._values: tuple[T, ...] = ()
        self._living.add(self)  # type: ignore[arg-type]

    def get(self) -> T:
        """Return this process's value, building it at the first call.

        Raises
        ------
        EngineClosed
            After :meth:`close`.
        """
        values = self._values
        return values[0] if values else self._make()

    @property
    def built(self) -> bool:
        """Whether this process has built its value."""
        return bool(self._values)

    def close(self) -> None:
        """Let go of this process's value; calls that are using it keep it until they end."""
        with self._lock:
            self._closed = True
            self._values = ()

    def __reduce__(self) -> NoReturn:
        raise BackendError(
            f"{self._name} belongs to the process that opened it and cannot be pickled or copied: "
            "send what it was opened from, and open that on the other side"
        )

    def _make(self) -> T:
        with self._lock:
            if self._closed:
                raise EngineClosed(f"{self._name} is closed: open it again")
            if not self._values:
                self._values = (self._build(),)
            return self._values[0]

    def _enter_child(self) -> None:
        """Start anew in a forked child, before anything else runs there."""
        if self._values:
            # A reference that is never given back: the value outlives even the interpreter's end.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._values))
        self._values = ()
        self._lock = threading.Lock()

    @classmethod
    def _enter_children(cls) -> None:
        for holder in list(cls._living):
            holder._enter_child()  # noqa: SLF001


os.register_at_fork(after_in_child=PerProcess._enter_children)  # noqa: SLF001
