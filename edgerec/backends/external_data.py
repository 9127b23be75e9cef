"""Refusing ONNX graphs that keep data in other files: an engine would open whatever they name."""

from __future__ import annotations

from collections.abc import Mapping

from edgerec.backends.wire import fields
from edgerec.errors import BackendError

__all__ = ["refuse_external_data"]

# Field numbers of onnx.proto that lead to a tensor, and the message each holds.
MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14
MAX_DEPTH = 64


def refuse_external_data(graph: bytes) -> None:
    """Raise if a tensor of ``graph``, however deep in subgraphs or functions, names a file.

    Raises
    ------
    BackendError
        One does, or the bytes are no ``ModelProto``.
    """
    _walk(memoryview(graph), "model", 0)


def _walk(message: memoryview, kind: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BackendError(f"the graph nests more than {MAX_DEPTH} levels deep")
    if kind == "tensor":
        _check(message)
        return
    inside = MESSAGES[kind]
    for field, value in fields(message):
        if field in inside and isinstance(value, memoryview):
            _walk(value, inside[field], depth + 1)


def _check(tensor: memoryview) -> None:
    for field, value in fields(tensor):
        if field == EXTERNAL_DATA or (field == DATA_LOCATION and value != 0):
            raise BackendError(
                "the graph keeps weights in another file; edgerec.import_model puts them inside"
            )
