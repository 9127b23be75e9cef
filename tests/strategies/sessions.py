"""Models that sessions are tried with: dense layers, bags of ids, a ranker with two outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edgerec.values.model import Model
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature
from tests.strategies.graphs import GraphBuilder, mlps

__all__ = ["bag", "dense", "model_of", "models", "ranker"]

ELEMENTS = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


def dense(width: int = 16, outputs: int = 8) -> Model:
    """Three nodes: ``item`` (candidates, width) to ``score`` (candidates, outputs)."""
    build = GraphBuilder(np.random.default_rng(0))
    build.node("Relu", build.linear("item", width, outputs, "matmul-bias"))
    build.rename_last("score")
    item = Input("item", Role.ITEM, Kind.DENSE, "float32", ("candidates", width))
    score = Output("score", Meaning.SCORE, "float32", ("candidates", outputs))
    return build.model("dense", Signature((item,), (score,)))


def bag(rows: int = 50, dim: int = 8, *, seed: int = 0) -> Model:
    """``words`` (requests, length), 0 = padding, summed to ``vector`` (requests, dim)."""
    build = GraphBuilder(np.random.default_rng(seed))
    table = build.weights("table", rows, dim)
    build.constants[table][0] = 0
    axis = build.constant("axis", np.array([1]))
    build.node("ReduceSum", build.node("Gather", table, "words"), axis, keepdims=0)
    build.rename_last("vector")
    words = Input("words", Role.QUERY, Kind.BAG, "int64", ("requests", "length"))
    vector = Output("vector", Meaning.EMBEDDING, "float32", ("requests", dim))
    return build.model("bag", Signature((words,), (vector,)))


def ranker(dim: int = 8, hidden: int = 16, *, seed: int = 0) -> Model:
    """``user`` (1, dim), ``item`` (candidates, dim), ``brand`` (candidates,) to two outputs."""
    build = GraphBuilder(np.random.default_rng(seed))
    cross = build.node("Mul", "user", "item")
    brands = build.node("Gather", build.weights("brands", 20, dim), "brand")
    features = build.node("Concat", "item", cross, brands, axis=1)
    layer = build.node("Relu", build.linear(features, 3 * dim, hidden, "matmul-bias"))
    column = build.constant("column", np.array([1]))
    build.node("Squeeze", build.linear(layer, hidden, 1, "gemm"), column)
    build.rename_last("logit")
    build.node("Sigmoid", "logit")
    build.rename_last("click")
    return build.model(
        "ranker",
        Signature(
            (
                Input("user", Role.USER, Kind.DENSE, "float32", (1, dim)),
                Input("item", Role.ITEM, Kind.DENSE, "float32", ("candidates", dim)),
                Input("brand", Role.ITEM, Kind.ID, "int64", ("candidates",)),
            ),
            (
                Output("click", Meaning.PROBABILITY, "float32", ("candidates",)),
                Output("logit", Meaning.LOGITS, "float32", ("candidates",)),
            ),
        ),
    )


def models() -> st.SearchStrategy[Model]:
    """Any of the above, and any small perceptron."""
    seeds, widths = st.integers(0, 2**16), st.integers(1, 24)
    return st.one_of(
        mlps(),
        st.builds(bag, st.integers(2, 50), widths, seed=seeds),
        st.builds(ranker, widths, widths, seed=seeds),
    )


def model_of(
    nodes: Sequence[NodeProto], constants: dict[str, NDArray[Any]], signature: Signature
) -> Model:
    """Any nodes, legal or not, between the tensors of ``signature``."""
    infos = [
        [helper.make_tensor_value_info(t.name, ELEMENTS[t.dtype], list(t.shape)) for t in side]
        for side in (signature.inputs, signature.outputs)
    ]
    stored = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    graph = helper.make_graph(list(nodes), "graph", *infos, stored)
    domains = sorted({node.domain for node in nodes} - {""})
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in domains)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return Model("model", proto.SerializeToString(), signature)
