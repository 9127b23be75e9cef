"""Tensors inside a model, made visible as outputs."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto

from edgerec.graph.load import dump_graph, parse_graph
from edgerec.values.model import Model
from edgerec.values.signature import Meaning, Output, Signature

__all__ = ["expose"]


def expose(model: Model, tensors: Iterable[str]) -> Model:
    """Add float32 ``tensors`` of a model's graph as outputs behind its own.

    Names that are outputs already are left out. What an inner tensor means is not known: it is
    given as an embedding of unnamed shape.
    """
    proto = parse_graph(model.graph)
    known = {value.name for value in proto.graph.output}
    added = [name for name in dict.fromkeys(tensors) if name not in known]
    for name in added:
        value = onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        proto.graph.output.append(value)
    signature = Signature(
        model.signature.inputs,
        (
            *model.signature.outputs,
            *(Output(name, Meaning.EMBEDDING, "float32", ("?",)) for name in added),
        ),
    )
    return Model(model.name, dump_graph(proto), signature)
