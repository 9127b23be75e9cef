"""The signature of a model, carried in its ONNX file, and held against its graph."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from onnx import ModelProto, TensorProto, ValueInfoProto

from edgerec.errors import SignatureError
from edgerec.graph.load import dump_graph, parse_graph
from edgerec.values.signature import Input, Output, Signature

__all__ = [
    "SIGNATURE_KEY",
    "check_signature",
    "describe",
    "graph_inputs",
    "read_signature",
    "signature_of",
    "write_signature",
]

SIGNATURE_KEY = "edgerec.signature"


def read_signature(graph: bytes) -> Signature | None:
    """Read the signature that the file carries; None without one.

    Raises
    ------
    InvalidInput
        Not a valid model.
    SignatureError
        There is one, but it cannot be read or does not fit the graph.
    """
    return signature_of(parse_graph(graph))


def signature_of(model: ModelProto) -> Signature | None:
    """Read the signature that a parsed model carries; None without one."""
    for entry in model.metadata_props:
        if entry.key == SIGNATURE_KEY:
            try:
                data = json.loads(entry.value)
            except json.JSONDecodeError as error:
                raise SignatureError(f"metadata {SIGNATURE_KEY!r} is not JSON: {error}") from error
            signature = Signature.from_dict(data)
            check_signature(model, signature)
            return signature
    return None


def write_signature(graph: bytes, signature: Signature) -> bytes:
    """Put ``signature`` into the metadata, in place of one that is there.

    Raises
    ------
    SignatureError
        It does not fit the graph.
    """
    model = parse_graph(graph)
    check_signature(model, signature)
    kept = [entry for entry in model.metadata_props if entry.key != SIGNATURE_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    text = json.dumps(signature.to_dict(), sort_keys=True, separators=(",", ":"))
    model.metadata_props.add(key=SIGNATURE_KEY, value=text)
    return dump_graph(model)


def graph_inputs(model: ModelProto) -> list[ValueInfoProto]:
    """List what has to be fed: inputs without a stored default."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in stored]


def check_signature(model: ModelProto, signature: Signature) -> None:
    """Raise SignatureError unless names, dtypes and shapes agree with the graph's.

    A dimension that the graph fixes must be fixed to the same size; one that it leaves open may be
    given a name or a size.
    """
    _check_side("input", graph_inputs(model), signature.inputs)
    _check_side("output", model.graph.output, signature.outputs)


def describe(values: Iterable[ValueInfoProto]) -> str:
    """Put names, types and shapes in words, such as ``title int64 (candidates, length)``."""
    return "; ".join(
        f"{value.name} {_dtype(value)} ({', '.join(str(size) for size in _shape(value) or ())})"
        for value in values
    )


def _check_side(
    side: str, values: Iterable[ValueInfoProto], tensors: Sequence[Input] | Sequence[Output]
) -> None:
    values = list(values)
    have, want = {value.name: value for value in values}, {tensor.name for tensor in tensors}
    if set(have) != want:
        raise SignatureError(
            f"the graph's {side}s are: {describe(values)}. Not in the signature: "
            f"{', '.join(sorted(set(have) - want)) or 'none'}; not in the graph: "
            f"{', '.join(sorted(want - set(have))) or 'none'}"
        )
    for tensor in tensors:
        value = have[tensor.name]
        if not _agree(value, tensor.dtype, tensor.shape):
            raise SignatureError(
                f"{side} {tensor.name!r}: the signature says {tensor.dtype} {tensor.shape}, "
                f"the graph {describe([value])}"
            )


def _agree(value: ValueInfoProto, dtype: str, shape: tuple[int | str, ...]) -> bool:
    found = _shape(value)
    if _dtype(value) != dtype:
        return False
    return found is None or (
        len(found) == len(shape)
        and all(
            not isinstance(has, int) or has == says for has, says in zip(found, shape, strict=True)
        )
    )


def _dtype(value: ValueInfoProto) -> str:
    code = value.type.tensor_type.elem_type
    name: str = TensorProto.DataType.Name(code).lower()
    return {"float": "float32"}.get(name, name)


def _shape(value: ValueInfoProto) -> tuple[int | str, ...] | None:
    if not value.type.tensor_type.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in value.type.tensor_type.shape.dim
    )
