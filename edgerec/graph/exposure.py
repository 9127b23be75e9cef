"""Tensors inside a model, made visible as outputs."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto

from edgerec.errors import SignatureError
from edgerec.graph.load import dump_graph, parse_graph
from edgerec.graph.shapes import infer_types, shape_of
from edgerec.values.model import Model
from edgerec.values.signature import Meaning, Output, Signature

__all__ = ["expose"]


def expose(model: Model, tensors: Iterable[str]) -> Model:
    """Add float32 ``tensors`` of a model's graph as outputs behind its own.

    Names that are outputs already are left out. What an inner tensor means is not known: it is
    given as an embedding, each of its dimensions free.

    Raises
    ------
    SignatureError
        There is no such float32 tensor, or inference cannot tell its rank.
    """
    proto = parse_graph(model.graph)
    known = {value.name for value in proto.graph.output}
    types = infer_types(proto)
    added = []
    for name in dict.fromkeys(tensors):
        if name in known:
            continue
        shape = shape_of(types[name]) if name in types else None
        if shape is None or types[name].type.tensor_type.elem_type != TensorProto.FLOAT:
            raise SignatureError(f"no float32 tensor {name!r} of known rank in {model.name!r}")
        free = [None] * len(shape)
        proto.graph.output.append(onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, free))
        added.append(Output(name, Meaning.EMBEDDING, "float32", ("?",) * len(shape)))
    signature = Signature(model.signature.inputs, (*model.signature.outputs, *added))
    return Model(model.name, dump_graph(proto), signature)
