"""Bytes to a checked ONNX graph: nothing that is malformed, too large or stored elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from edgerec.errors import InvalidInput, LimitExceeded

__all__ = [
    "MAX_GRAPH_BYTES",
    "check_graph",
    "dump_graph",
    "parse_graph",
    "parse_unchecked",
    "tensors",
]

MAX_GRAPH_BYTES = 2**31 - 1
"""What one protobuf message may hold."""


def parse_graph(data: bytes) -> ModelProto:
    """Read a self-contained, valid model.

    Parameters
    ----------
    data : bytes
        Serialised ``ModelProto``.

    Raises
    ------
    InvalidInput
        Not a protobuf, not a valid model, or one with tensors in other files.
    LimitExceeded
        Above 2 GiB.
    """
    model = parse_unchecked(data)
    for tensor in tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise InvalidInput(
                f"tensor {tensor.name!r} is stored in another file: import the model from its "
                "path, so that the file beside it can be read in"
            )
    check_graph(model)
    return model


def parse_unchecked(data: bytes) -> ModelProto:
    """Read the message alone: the model may be invalid, its tensors in other files."""
    if len(data) > MAX_GRAPH_BYTES:
        raise LimitExceeded(f"a graph holds at most {MAX_GRAPH_BYTES:,} bytes, got {len(data):,}")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InvalidInput(
            f"not an ONNX model, or a truncated one ({len(data):,} bytes): {error}"
        ) from error
    if not model.HasField("graph"):
        raise InvalidInput(f"not an ONNX model: {len(data):,} bytes without a graph in them")
    return model


def check_graph(model: ModelProto) -> None:
    """Raise InvalidInput, with the checker's own words, unless the model is valid."""
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise InvalidInput(f"not a valid ONNX model: {error}") from error


def dump_graph(model: ModelProto) -> bytes:
    """Serialise; the same model gives the same bytes.

    Raises
    ------
    InvalidInput
        The model is not valid.
    """
    check_graph(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every stored tensor: initialisers and attributes, in subgraphs and functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_attributes(node.attribute)


def _of_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Iterable[AttributeProto]) -> Iterator[TensorProto]:
    for attribute in attributes:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("g"):
            yield from _of_graph(attribute.g)
        for graph in attribute.graphs:
            yield from _of_graph(graph)
