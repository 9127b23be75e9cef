"""Refusing ONNX graphs that keep data in other files.

An engine would open whatever path such a graph names. The request path does not import onnx, so
the protocol buffer is walked here: only the few messages that can hold a tensor are entered, and
weights are stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgerec.errors import BackendError

__all__ = ["refuse_external_data"]

# Field numbers of onnx.proto, and the message each holds; all others are stepped over.
MESSAGES: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
GRAPH_FIELD = 7
EXTERNAL_DATA, DATA_LOCATION = 13, 14
MAX_DEPTH = 64
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def refuse_external_data(graph: bytes) -> None:
    """Raise unless ``graph`` is an ONNX model that is complete in itself.

    Raises
    ------
    BackendError
        It is no ``ModelProto``, or one of its tensors, however deep in subgraphs, attributes or
        functions, names a file.
    """
    view = memoryview(graph)
    if GRAPH_FIELD not in {field for field, _ in _fields(view)}:
        raise BackendError("not an ONNX model: it has no graph")
    _walk(view, "model", 0)


def _walk(view: memoryview, kind: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BackendError(f"the graph nests more than {MAX_DEPTH} levels deep")
    known = MESSAGES[kind]
    for field, value in _fields(view):
        if kind == "tensor":
            _refuse_location(field, value)
        elif field in known and isinstance(value, memoryview):
            _walk(value, known[field], depth + 1)


def _refuse_location(field: int, value: memoryview | int) -> None:
    if field == EXTERNAL_DATA or (field == DATA_LOCATION and value != 0):
        raise BackendError(
            "the graph keeps weights in another file; import the model with edgerec.import_model, "
            "which puts them inside"
        )


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """List ``(number, value)`` of a message's fields."""
    place = 0
    while place < len(view):
        key, place = _varint(view, place)
        field, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(view, place)
            yield field, value
            continue
        if wire == LENGTH:
            size, place = _varint(view, place)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise BackendError(f"not an ONNX model: wire type {wire} at byte {place}")
        if size > len(view) - place:
            raise BackendError("not an ONNX model: it ends in the middle of a field")
        yield field, view[place : place + size]
        place += size


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(view):
            raise BackendError("not an ONNX model: it ends in the middle of a number")
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise BackendError("not an ONNX model: a number of more than 10 bytes")
