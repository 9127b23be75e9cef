"""ONNX graphs of one attention head, as exporters write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = ["AttentionGraph", "attention_graphs"]


@dataclass(frozen=True, slots=True)
class AttentionGraph:
    """``graph`` takes ``x`` (length, dim) and ``mask`` (rows asking, length), gives ``y``."""

    graph: bytes
    dim: int
    width: int
    asking: int | None
    """Rows that ask; None where all do."""


TURNED = helper.make_node("Transpose", ["key"], ["keys"], perm=[1, 0])
PRODUCT = helper.make_node("MatMul", ["query", "keys"], ["product"])
SCORES = {
    "product": [TURNED, helper.make_node("MatMul", ["query", "keys"], ["scores"])],
    "left sum": [TURNED, PRODUCT, helper.make_node("Add", ["mask", "product"], ["scores"])],
    "right sum": [TURNED, PRODUCT, helper.make_node("Add", ["product", "mask"], ["scores"])],
    "gemm": [TURNED, helper.make_node("Gemm", ["query", "keys", "mask"], ["scores"], alpha=0.5)],
    "turned": [helper.make_node("Gemm", ["query", "key", "mask"], ["scores"], transB=1)],
}


@st.composite
def attention_graphs(draw: st.DrawFn) -> AttentionGraph:
    """Any mix of biases, forms of the scores, a residual, and one, two or all rows asking."""
    dim, width = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    asking = draw(st.sampled_from([None, 1, 2]))
    last = "x" if asking is None else "asked"
    nodes, stored = [], {}

    def linear(source: str, name: str, inputs: int, outputs: int) -> NodeProto:
        turned, biased = draw(st.booleans()), draw(st.booleans())
        weight = rng.normal(size=(inputs, outputs)).astype(np.float32)
        stored[f"{name}.w"] = weight.T.copy() if turned else weight
        names = [source, f"{name}.w"]
        if biased:
            stored[f"{name}.b"] = rng.normal(size=outputs).astype(np.float32)
            names.append(f"{name}.b")
        return helper.make_node("Gemm", names, [name], transB=int(turned))

    if asking is not None:
        stored |= {
            "start": np.array([-asking], np.int64),
            "end": np.array([2**31 - 1], np.int64),
            "axis": np.array([0], np.int64),
        }
        nodes.append(helper.make_node("Slice", ["x", "start", "end", "axis"], ["asked"]))
    nodes += [
        linear(last, "query", dim, width),
        linear("x", "key", dim, width),
    ]
    nodes += draw(st.sampled_from(list(SCORES.values())))
    nodes += [
        helper.make_node("Softmax", ["scores"], ["weights"], axis=draw(st.sampled_from([-1, 1]))),
        linear("x", "value", dim, width),
        helper.make_node("MatMul", ["weights", "value"], ["mixed"]),
        linear("mixed", "out", width, dim),
    ]
    if draw(st.booleans()):
        nodes.append(helper.make_node("Add", list(draw(st.permutations([last, "out"]))), ["y"]))
    else:
        nodes[-1].output[0] = "y"
    return AttentionGraph(_model(nodes, stored, dim, asking), dim, width, asking)


def _model(
    nodes: list[NodeProto], stored: dict[str, np.ndarray], dim: int, asking: int | None
) -> bytes:
    rows = asking or "length"
    graph = helper.make_graph(
        nodes,
        "attention",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["length", dim]),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, [rows, "length"]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, dim])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
        value_info=[helper.make_tensor_value_info("asked", TensorProto.FLOAT, [rows, dim])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()
