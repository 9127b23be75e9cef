"""How far ids may go."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgerec.graph.ids import table_rows
from edgerec.values.signature import Input, Output, Signature
from tests.strategies.graphs import TABLE_ROWS, GraphBuilder, mlp, tower


def test_rows_of_the_table_an_input_reads() -> None:
    assert table_rows(tower(0).graph) == {"title": TABLE_ROWS}
    assert table_rows(mlp(0, (4,)).graph) == {}


def test_the_smallest_table_counts_and_reshaping_does_not_matter() -> None:
    build = GraphBuilder(np.random.default_rng(0))
    build.weights("large", 50, 3)
    build.weights("small", 7, 3)
    build.constant("flat", np.array([-1]))
    first = build.node("Gather", "large", "ids", axis=0)
    again = build.node("Cast", build.node("Reshape", "ids", "flat"), to=TensorProto.INT32)
    second = build.node("Gather", "small", again, axis=0)
    build.node("Add", first, second)
    build.rename_last("y")
    signature = Signature(
        (Input("ids", "item", "id", "int64", ("candidates",)),),
        (Output("y", "embedding", "float32", ("candidates", 3)),),
    )
    assert table_rows(build.model("m", signature).graph) == {"ids": 7}
