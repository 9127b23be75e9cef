"""Things that a process must make for itself, because they do not survive a fork.

An inference engine owns threads and locks. In a forked child the threads are gone, so running the
inherited engine may wait for ever, and destroying it joins threads that do not exist. The child
therefore builds its own and never lets go of the inherited one, not even when it exits.

Building a new one does not help where the library itself holds a lock at the moment of the fork.
Such a value is paused for that moment: calls that run end first, others wait.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import ClassVar, Generic, NoReturn, TypeVar
from weakref import WeakSet

from edgerec.errors import BackendError, EngineClosed

__all__ = ["PerProcess"]

T = TypeVar("T")
Pause = Callable[[T, float], Callable[[], None]]

PATIENCE_S = 5.0
"""A fork waits no longer than this for running calls: it may come from inside one of them."""


class PerProcess(Generic[T]):
    """A value that is built when first needed, once in every process; thread-safe.

    Parameters
    ----------
    build : callable
        Makes the value. What it raises reaches the caller, and the next call tries again.
    name : str
        What the value is, for messages.
    pause : callable, optional
        Called with the value and a patience in seconds before this process forks: lets running
        calls end, holds others back, and returns what lets them go on.
    """

    _living: ClassVar[WeakSet[PerProcess[object]]] = WeakSet()
    _forking: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self, build: Callable[[], T], *, name: str = "it", pause: Pause[T] | None = None
    ) -> None:
        self._build = build
        self._name = name
        self._pause = pause
        self._go_on: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._values: tuple[T, ...] = ()
        with PerProcess._forking:  # a fork that goes through the living must not meet a new one
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

    def _stop(self, deadline: float) -> None:
        """Let no call and no build be under way; gives up at the deadline."""
        if self._pause is None or not self._lock.acquire(timeout=_left(deadline)):
            return
        calls = [self._pause(value, _left(deadline)) for value in self._values]
        self._go_on = calls[0] if calls else _nothing

    def _resume(self) -> None:
        go_on, self._go_on = self._go_on, None
        if go_on is not None:
            go_on()
            self._lock.release()

    def _renew(self) -> None:
        """Start anew in a forked child, before anything else runs there."""
        if self._values:
            # A reference that is never given back: the value outlives even the interpreter's end.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._values))
        self._values = ()
        self._go_on = None
        self._lock = threading.Lock()

    @classmethod
    def _before_fork(cls) -> None:
        deadline = time.monotonic() + PATIENCE_S
        cls._forking.acquire()
        for holder in list(cls._living):
            holder._stop(deadline)  # noqa: SLF001

    @classmethod
    def _after_in_parent(cls) -> None:
        for holder in list(cls._living):
            holder._resume()  # noqa: SLF001
        cls._forking.release()

    @classmethod
    def _after_in_child(cls) -> None:
        cls._forking = threading.Lock()
        for holder in list(cls._living):
            holder._renew()  # noqa: SLF001


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _nothing() -> None:
    """Go on where nothing was held back."""


os.register_at_fork(
    before=PerProcess._before_fork,  # noqa: SLF001
    after_in_parent=PerProcess._after_in_parent,  # noqa: SLF001
    after_in_child=PerProcess._after_in_child,  # noqa: SLF001
)
