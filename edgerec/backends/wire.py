"""The wire format of protocol buffers, as far as an ONNX graph must be understood without onnx.

The request path does not import onnx. What it must know of a graph, where its tensors live and
what goes in and out, are a few fields that can be read in place; weights are stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgerec.errors import BackendError

__all__ = ["fields", "messages", "numbers"]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED_BYTES = {FIXED32: 4, FIXED64: 8}


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """List ``(number, value)`` of a message's fields; a value is an integer or bytes.

    Raises
    ------
    BackendError
        These bytes are no message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        field, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield field, value
            continue
        if wire == LENGTH:
            size, place = _varint(message, place)
        elif wire in FIXED_BYTES:
            size = FIXED_BYTES[wire]
        else:
            raise BackendError(f"not an ONNX model: wire type {wire} before byte {place}")
        if size > len(message) - place:
            raise BackendError("not an ONNX model: it ends in the middle of a field")
        yield field, message[place : place + size]
        place += size


def messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """List the fields of one number that hold bytes."""
    found = (value for field, value in fields(message) if field == wanted)
    return (value for value in found if isinstance(value, memoryview))


def numbers(message: memoryview, wanted: int) -> Iterator[int]:
    """List the fields of one number that hold an integer."""
    found = (value for field, value in fields(message) if field == wanted)
    return (value for value in found if isinstance(value, int))


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise BackendError("not an ONNX model: it ends in the middle of a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise BackendError("not an ONNX model: a number of more than 10 bytes")
