"""Whether a graph has the tensors that its signature promises.

Asked of the graph and not of the engine: OpenVINO drops inputs that nothing uses, and one tensor
may come back under several names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgerec.backends.wire import messages, numbers
from edgerec.errors import BackendError, SignatureError
from edgerec.values.signature import Input, Output, Signature

__all__ = ["check_ports"]

# Field numbers of onnx.proto.
MODEL_GRAPH = 7
GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 5, 11, 12
TENSOR_NAME = 8
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR = 1
TENSOR_ELEMENT, TENSOR_SHAPE = 1, 2
SHAPE_DIMENSION = 1
DIMENSION_SIZE = 1

ELEMENTS = {1: "float32", 7: "int64", 10: "float16", 11: "float64", 6: "int32"}


class Port(NamedTuple):
    """An input or output of a graph: its dtype, and its shape with None for a free dimension."""

    dtype: str
    shape: tuple[int | None, ...] | None
    """None where the graph does not say."""


def check_ports(graph: bytes, signature: Signature) -> None:
    """Raise unless the graph takes the signature's inputs and gives its outputs.

    It may give outputs beyond those of the signature, but take no further inputs.

    Raises
    ------
    SignatureError
        A name is missing, or a dtype, rank or fixed dimension differs.
    BackendError
        The bytes are no ``ModelProto``.
    """
    body = next(messages(memoryview(graph), MODEL_GRAPH), None)
    if body is None:
        raise BackendError("not an ONNX model: it has no graph")
    weights = {_text(tensor, TENSOR_NAME) for tensor in messages(body, GRAPH_INITIALIZER)}
    inputs = _ports(body, GRAPH_INPUT)
    wanted = {tensor.name for tensor in signature.inputs}
    extra = sorted(set(inputs) - weights - wanted)
    if extra:
        raise SignatureError(f"the graph takes {', '.join(extra)}, which the signature lacks")
    _check("input", signature.inputs, inputs)
    _check("output", signature.outputs, _ports(body, GRAPH_OUTPUT))


def _check(kind: str, tensors: Sequence[Input | Output], ports: Mapping[str, Port]) -> None:
    for tensor in tensors:
        port = ports.get(tensor.name)
        if port is None:
            raise SignatureError(
                f"the graph has no {kind} {tensor.name!r}; it has {', '.join(sorted(ports))}"
            )
        if port.dtype != tensor.dtype or not _agree(port.shape, tensor.shape):
            raise SignatureError(
                f"{kind} {tensor.name!r} is {tensor.dtype} {tensor.shape} in the signature, "
                f"{port.dtype} {port.shape} in the graph"
            )


def _agree(graph: tuple[int | None, ...] | None, signature: tuple[int | str, ...]) -> bool:
    """Whether some shape fits both."""
    if graph is None:
        return True
    if len(graph) != len(signature):
        return False
    pairs = zip(graph, signature, strict=True)
    return all(a is None or isinstance(b, str) or a == b for a, b in pairs)


def _ports(graph: memoryview, field: int) -> dict[str, Port]:
    return {_text(value, VALUE_NAME): _port(value) for value in messages(graph, field)}


def _port(value: memoryview) -> Port:
    types = messages(value, VALUE_TYPE)
    tensor = next((t for kind in types for t in messages(kind, TYPE_TENSOR)), memoryview(b""))
    element = next(numbers(tensor, TENSOR_ELEMENT), 0)
    shape = next(messages(tensor, TENSOR_SHAPE), None)
    sizes = None if shape is None else tuple(map(_size, messages(shape, SHAPE_DIMENSION)))
    return Port(ELEMENTS.get(element, f"ONNX element type {element}"), sizes)


def _size(dimension: memoryview) -> int | None:
    return next(numbers(dimension, DIMENSION_SIZE), None)


def _text(message: memoryview, field: int) -> str:
    return bytes(next(messages(message, field), b"")).decode(errors="replace")
