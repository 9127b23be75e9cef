"""Whether a graph, as an engine understood it, has the tensors its signature promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgerec.errors import SignatureError
from edgerec.values.signature import Input, Output, Signature

__all__ = ["Port", "check_ports"]


class Port(NamedTuple):
    """An input or output of a graph: its dtype, and its shape with None for a free dimension."""

    dtype: str
    shape: tuple[int | None, ...] | None
    """None where not even the rank is known."""


def check_ports(
    signature: Signature, inputs: Mapping[str, Port], outputs: Mapping[str, Port]
) -> None:
    """Raise unless the graph takes the signature's inputs and gives its outputs.

    The graph may have outputs more than the signature names, but no inputs.

    Raises
    ------
    SignatureError
        A name is missing, or a dtype, rank or fixed dimension differs.
    """
    extra = sorted(set(inputs) - {tensor.name for tensor in signature.inputs})
    if extra:
        raise SignatureError(f"the graph takes {', '.join(extra)}, which the signature lacks")
    _check("input", signature.inputs, inputs)
    _check("output", signature.outputs, outputs)


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
