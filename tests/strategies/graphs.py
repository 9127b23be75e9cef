"""Small ONNX models with the shapes that compression meets: layers, joins, tables, odd values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edgerec.values.model import Model
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

__all__ = ["FEATURES", "TABLE_ROWS", "GraphBuilder", "few", "mlp", "mlps", "tower"]

few = settings(max_examples=25, deadline=None)
"""For properties that open engines."""
FEATURES = 6
TABLE_ROWS = 160


@dataclass
class GraphBuilder:
    """Collects nodes and constants; every method returns the name of what it made."""

    rng: np.random.Generator
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.constants[name] = array
        return name

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = f"{(name or operator).lower()}_{len(self.nodes)}"
        made = helper.make_node(operator, list(inputs), [output], name=f"n_{output}", **attributes)
        self.nodes.append(made)
        return output

    def weights(self, name: str, *shape: int) -> str:
        scale = 1.0 / np.sqrt(max(1, shape[0]))
        return self.constant(name, self.rng.normal(scale=scale, size=shape).astype(np.float32))

    def linear(self, x: str, inputs: int, outputs: int, form: str) -> str:
        """One of ``gemm``, ``gemm-transposed``, ``matmul``, ``matmul-bias``."""
        place = len(self.nodes)
        if form == "gemm-transposed":
            weights = self.weights(f"w{place}", inputs, outputs)
            self.constants[weights] = np.ascontiguousarray(self.constants[weights].T)
            return self.node("Gemm", x, weights, self.weights(f"b{place}", outputs), transB=1)
        weights = self.weights(f"w{place}", inputs, outputs)
        if form == "gemm":
            return self.node("Gemm", x, weights, self.weights(f"b{place}", outputs))
        product = self.node("MatMul", x, weights)
        if form == "matmul":
            return product
        return self.node("Add", product, self.weights(f"b{place}", outputs))

    def activation(self, x: str, size: int, kind: str) -> str:
        if kind == "gelu":
            root = self.constant("root2", np.float32(np.sqrt(2.0)))
            one, half = self.constant("one", np.float32(1)), self.constant("half", np.float32(0.5))
            grown = self.node("Add", self.node("Erf", self.node("Div", x, root)), one)
            return self.node("Mul", half, self.node("Mul", x, grown))
        if kind == "swish":
            return self.node("Mul", x, self.node("Sigmoid", x))
        if kind == "relu6":
            low, high = self.constant("low", np.float32(0)), self.constant("high", np.float32(6))
            return self.node("Clip", x, low, high)
        if kind == "scaled":
            scale = self.weights(f"s{len(self.nodes)}", size)
            return self.node("Relu", self.node("Mul", x, scale))
        return self.node(kind, x)

    def model(self, name: str, signature: Signature) -> Model:
        values = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
        infos = [
            [helper.make_tensor_value_info(t.name, values[t.dtype], list(t.shape)) for t in side]
            for side in (signature.inputs, signature.outputs)
        ]
        stored = [numpy_helper.from_array(array, key) for key, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, name, *infos, stored)
        opset = [helper.make_opsetid("", 18)]
        proto = helper.make_model(graph, opset_imports=opset, ir_version=9)
        return Model(name, proto.SerializeToString(deterministic=True), signature)

    def rename_last(self, name: str) -> None:
        self.nodes[-1].output[0] = name


FORMS = ("gemm", "gemm-transposed", "matmul", "matmul-bias")
ACTIVATIONS = ("Relu", "relu6", "Sigmoid", "Tanh", "LeakyRelu", "gelu", "swish", "scaled")


def mlp(
    seed: int,
    widths: tuple[int, ...],
    *,
    forms: tuple[str, ...] = FORMS,
    activations: tuple[str, ...] = ACTIVATIONS,
    rank: int = 2,
    join: bool = False,
    heads: int = 1,
    outputs: int = 3,
) -> Model:
    """Dense layers on ``x`` (candidates, 6), or (candidates, length, 6) for rank 3.

    ``join`` lets the last hidden layer meet the input in a ``Concat``; ``heads`` layers read what
    is there in the end.
    """
    build = GraphBuilder(np.random.default_rng(seed))
    usable = tuple(form for form in forms if rank == 2 or form.startswith("matmul"))
    pick: Callable[[tuple[str, ...]], str] = lambda names: str(build.rng.choice(names))  # noqa: E731
    x, size = "x", FEATURES
    for width in widths:
        x = build.activation(build.linear(x, size, width, pick(usable)), width, pick(activations))
        size = width
    if join:
        x, size = build.node("Concat", "x", x, axis=-1), size + FEATURES
    free: tuple[int | str, ...] = ("candidates", "length")[: rank - 1]
    made = []
    for head in range(heads):
        build.linear(x, size, outputs, pick(usable))
        build.rename_last(f"y{head}")
        made.append(Output(f"y{head}", Meaning.EMBEDDING, "float32", (*free, outputs)))
    source = Input("x", Role.ITEM, Kind.DENSE, "float32", (*free, FEATURES))
    return build.model("mlp", Signature((source,), tuple(made)))


@st.composite
def mlps(draw: st.DrawFn, *, ranks: tuple[int, ...] = (2, 3)) -> Model:
    """Any :func:`mlp` with one to three hidden layers of 2 to 24 channels."""
    return mlp(
        draw(st.integers(0, 2**16)),
        tuple(draw(st.lists(st.integers(2, 24), min_size=1, max_size=3))),
        rank=draw(st.sampled_from(ranks)),
        join=draw(st.booleans()),
        heads=draw(st.integers(1, 2)),
    )


def tower(seed: int, *, dim: int = 32, width: int = 64) -> Model:
    """An item tower: a mean of gathered rows beside dense features, two layers, L2-normalised."""
    build = GraphBuilder(np.random.default_rng(seed))
    table = build.weights("table", TABLE_ROWS, dim)
    build.constants[table] *= np.sqrt(TABLE_ROWS)
    build.constants[table][0] = 0.0
    axis, eps = build.constant("axis", np.array([1])), build.constant("eps", np.float32(1e-6))
    zero, last = build.constant("zero", np.int64(0)), build.constant("last", np.array([-1]))
    rows = build.node("Gather", table, "title", axis=0)
    held = build.node("Cast", build.node("Greater", "title", zero), to=TensorProto.FLOAT)
    total = build.node("ReduceSum", rows, axis, keepdims=0)
    count = build.node("Clip", build.node("ReduceSum", held, axis, keepdims=1), "one_at_least")
    build.constant("one_at_least", np.float32(1))
    mean = build.node("Div", total, count)
    joined = build.node("Concat", mean, "dense", axis=1)
    hidden = build.node("Relu", build.linear(joined, dim + FEATURES, width, "gemm-transposed"))
    raw = build.linear(hidden, width, dim, "gemm-transposed")
    norm = build.node("ReduceL2", raw, last, keepdims=1)
    build.node("Div", raw, build.node("Max", norm, eps))
    build.rename_last("vector")
    return build.model(
        "item_tower",
        Signature(
            (
                Input("title", Role.ITEM, Kind.BAG, "int64", ("candidates", "length")),
                Input("dense", Role.ITEM, Kind.DENSE, "float32", ("candidates", FEATURES)),
            ),
            (Output("vector", Meaning.EMBEDDING, "float32", ("candidates", dim)),),
        ),
    )
