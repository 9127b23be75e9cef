"""Backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerec.backends.onnxruntime import OnnxRuntime
from edgerec.backends.openvino import OpenVino
from edgerec.backends.session import Backend
from edgerec.errors import ValueRangeError

__all__ = ["BACKENDS", "BACKEND_NAMES", "backend"]

BACKENDS: Mapping[str, Callable[[], Backend]] = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
BACKEND_NAMES: tuple[str, ...] = tuple(BACKENDS)


def backend(name: str) -> Backend:
    """Return the backend of this name; its engine is imported when first used.

    Raises
    ------
    ValueRangeError
        There is none of this name.
    """
    if name not in BACKENDS:
        raise ValueRangeError(f"no backend {name!r}; use one of {', '.join(BACKEND_NAMES)}")
    return BACKENDS[name]()
