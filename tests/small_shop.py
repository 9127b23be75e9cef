"""A shop of three hundred products with untrained models: small, but every part of it is real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgerec.graph.metadata import write_signature
from edgerec.values.signature import Input, Kind, Meaning, Output, Role, Signature

DIM, BUCKETS, BRANDS = 16, 256, 32
CATEGORIES = ("beds", "lamps", "desks", "mugs")
MATERIALS = ("walnut", "oak", "steel", "glass", "linen")
SIZES = ("small", "queen", "king", "round")
NOUNS = {"beds": "bed", "lamps": "lamp", "desks": "desk", "mugs": "mug"}
RECIPE = f"""
name = "small"

[data]
items = "data/items.jsonl"
visits = "data/visits.jsonl"
holdout = 0.3

[features]
categories = {json.dumps(CATEGORIES)}
brand_buckets = {BRANDS}
dense = ["price", "popularity"]
history_length = 8
dim = {DIM}

[features.text]
buckets = {BUCKETS}
max_length = 32

[models]
item_tower = "models/item_tower.onnx"
user_tower = "models/user_tower.onnx"
query_tower = "models/query_tower.onnx"
ranker = "models/ranker.onnx"

[answers]
candidates = 50
exclude_history = true

[budget]
margin = 0.2

[compile.ranker]
keeps = [1.0, 0.5]
precisions = ["int8"]
"""


def write_small_shop(home: Path) -> Path:
    """Data, models and recipe under ``home``; returns the recipe's path."""
    (home / "data").mkdir(parents=True)
    (home / "models").mkdir()
    items = make_items()
    _write_lines(home / "data" / "items.jsonl", items)
    _write_lines(home / "data" / "visits.jsonl", make_visits(items))
    for name, graph in make_models().items():
        (home / "models" / f"{name}.onnx").write_bytes(graph)
    recipe = home / "shop.toml"
    recipe.write_text(RECIPE)
    return recipe


def make_items(count: int = 300) -> list[dict[str, object]]:
    rng = np.random.default_rng(1)
    items = []
    for i in range(count):
        category = CATEGORIES[i % len(CATEGORIES)]
        title = f"{rng.choice(MATERIALS)} {rng.choice(SIZES)} {NOUNS[category]}"
        items.append(
            {
                "id": f"sku-{i}",
                "title": title,
                "brand": f"Brand{i % 7}",
                "category": category,
                "price": round(float(rng.uniform(5, 200)), 2),
                "stock": int(rng.integers(0, 4)),
                "popularity": int(rng.integers(0, 1000)),
            }
        )
    return items


def make_visits(items: list[dict[str, object]], count: int = 400) -> list[dict[str, object]]:
    """Each user keeps to one category; half of the visits type words of what they click."""
    rng = np.random.default_rng(2)
    visits = []
    for i in range(count):
        user = int(rng.integers(40))
        liked = [item for item in items if item["category"] == CATEGORIES[user % len(CATEGORIES)]]
        clicked = [liked[int(place)] for place in rng.choice(len(liked), 2, replace=False)]
        visits.append(
            {
                "user": f"u{user}",
                "time": 1_700_000_000_000_000_000 + i,
                "query": str(clicked[0]["title"]) if i % 2 else None,
                "clicked": [item["id"] for item in clicked],
                "purchased": [clicked[0]["id"]] if i % 3 == 0 else [],
            }
        )
    return visits


def make_models() -> dict[str, bytes]:
    """ONNX of the four models, signatures inside."""
    rng = np.random.default_rng(3)
    words = rng.normal(0, 1, (BUCKETS, DIM)).astype(np.float32)
    return {
        "item_tower": _item_tower(rng, words),
        "user_tower": _user_tower(),
        "query_tower": _query_tower(words),
        "ranker": _ranker(rng),
    }


def _item_tower(rng: np.random.Generator, words: np.ndarray) -> bytes:
    weights = {
        "words": words,
        "categories": rng.normal(0, 3, (len(CATEGORIES) + 2, DIM)).astype(np.float32),
        "brands": rng.normal(0, 0.1, (BRANDS, DIM)).astype(np.float32),
        "w1": (np.eye(DIM, 2 * DIM) + rng.normal(0, 0.02, (DIM, 2 * DIM))).astype(np.float32),
        "b1": np.full(2 * DIM, 4.0, np.float32),
        "w2": np.eye(2 * DIM, DIM).astype(np.float32),
        "b2": np.full(DIM, -4.0, np.float32),
        "dense_w": np.zeros((2, DIM), np.float32),
        "one": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["words", "title"], ["grams"]),
        helper.make_node("ReduceSum", ["grams", "one"], ["text"], keepdims=0),
        helper.make_node("Gather", ["categories", "category"], ["kind"]),
        helper.make_node("Gather", ["brands", "brand"], ["maker"]),
        helper.make_node("MatMul", ["dense", "dense_w"], ["numbers"]),
        helper.make_node("Add", ["text", "kind"], ["s1"]),
        helper.make_node("Add", ["s1", "maker"], ["s2"]),
        helper.make_node("Add", ["s2", "numbers"], ["s3"]),
        helper.make_node("LpNormalization", ["s3"], ["s4"], axis=-1, p=2),
        helper.make_node("MatMul", ["s4", "w1"], ["h0"]),
        helper.make_node("Add", ["h0", "b1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["h2"]),
        helper.make_node("MatMul", ["h2", "w2"], ["h3"]),
        helper.make_node("Add", ["h3", "b2"], ["h4"]),
        helper.make_node("LpNormalization", ["h4"], ["vector"], axis=-1, p=2),
    ]
    item = ("candidates",)
    inputs = (
        Input("title", Role.ITEM, Kind.BAG, "int64", ("candidates", "length")),
        Input("category", Role.ITEM, Kind.ID, "int64", item),
        Input("brand", Role.ITEM, Kind.ID, "int64", item),
        Input("dense", Role.ITEM, Kind.DENSE, "float32", ("candidates", 2)),
    )
    outputs = (Output("vector", Meaning.EMBEDDING, "float32", ("candidates", DIM)),)
    return _graph(nodes, weights, Signature(inputs, outputs))


def _user_tower() -> bytes:
    nodes = [helper.make_node("ReduceSum", ["history", "one"], ["vector"], keepdims=0)]
    signature = Signature(
        (Input("history", Role.USER, Kind.SEQUENCE, "float32", ("requests", "length", DIM)),),
        (Output("vector", Meaning.EMBEDDING, "float32", ("requests", DIM)),),
    )
    return _graph(nodes, {"one": np.array([1], np.int64)}, signature)


def _query_tower(words: np.ndarray) -> bytes:
    nodes = [
        helper.make_node("Gather", ["words", "text"], ["grams"]),
        helper.make_node("ReduceSum", ["grams", "one"], ["s"], keepdims=0),
        helper.make_node("LpNormalization", ["s"], ["vector"], axis=-1, p=2),
    ]
    signature = Signature(
        (Input("text", Role.QUERY, Kind.BAG, "int64", ("requests", "length")),),
        (Output("vector", Meaning.EMBEDDING, "float32", ("requests", DIM)),),
    )
    return _graph(nodes, {"words": words, "one": np.array([1], np.int64)}, signature)


def _ranker(rng: np.random.Generator) -> bytes:
    pairs, hidden = 8, 32
    weights = {
        "w1": rng.normal(0, 0.3, (pairs, hidden)).astype(np.float32),
        "b1": rng.normal(0, 0.1, hidden).astype(np.float32),
        "w2": np.abs(rng.normal(0, 0.1, (hidden, 1))).astype(np.float32),
        "zero_user": np.zeros((DIM, 1), np.float32),
        "zero_dense": np.zeros((2, 1), np.float32),
        "match": np.array([[1.0], [4.0], *[[0.0]] * 6], np.float32),
        "one": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("MatMul", ["pair", "w1"], ["h0"]),
        helper.make_node("Add", ["h0", "b1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["h2"]),
        helper.make_node("MatMul", ["h2", "w2"], ["deep"]),
        helper.make_node("MatMul", ["pair", "match"], ["wide"]),
        helper.make_node("MatMul", ["user", "zero_user"], ["u"]),
        helper.make_node("MatMul", ["query", "zero_user"], ["q"]),
        helper.make_node("MatMul", ["item", "zero_user"], ["i"]),
        helper.make_node("MatMul", ["item_dense", "zero_dense"], ["d"]),
        helper.make_node("Sum", ["deep", "wide", "u", "q", "i", "d"], ["total"]),
        helper.make_node("Squeeze", ["total", "one"], ["score"]),
    ]
    rows = "candidates"
    signature = Signature(
        (
            Input("user", Role.USER, Kind.DENSE, "float32", (1, DIM)),
            Input("query", Role.QUERY, Kind.DENSE, "float32", (1, DIM)),
            Input("item", Role.ITEM, Kind.DENSE, "float32", (rows, DIM)),
            Input("item_dense", Role.ITEM, Kind.DENSE, "float32", (rows, 2)),
            Input("pair", Role.PAIR, Kind.DENSE, "float32", (rows, pairs)),
        ),
        (Output("score", Meaning.SCORE, "float32", (rows,)),),
    )
    return _graph(nodes, weights, signature)


def _graph(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], signature: Signature
) -> bytes:
    types = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}

    def value(tensor: Input | Output) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(tensor.name, types[tensor.dtype], tensor.shape)

    graph = helper.make_graph(
        nodes,
        "small",
        [value(tensor) for tensor in signature.inputs],
        [value(tensor) for tensor in signature.outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return write_signature(model.SerializeToString(), signature)


def _write_lines(path: Path, records: list[dict[str, object]]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
