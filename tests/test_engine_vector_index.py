"""An index of vectors: what it finds is what NumPy finds, before and after it changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import edgerec
from edgerec.engine.indexing import INDEX_STEPS, Indexed, build_index
from edgerec.engine.vector_index import VectorIndex, open_index
from edgerec.errors import (
    BundleError,
    BundleNotFound,
    EngineClosed,
    InvalidInput,
    LimitExceeded,
    OutputExists,
    ShapeError,
    UnknownAttribute,
    ValueRangeError,
)
from edgerec.retrieval.strategy import Target

ROWS, DIM = 400, 24
METRICS = ("inner", "cosine", "l2")


def drawn(rows: int, dim: int = DIM, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def scores(metric: str, query: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.float64]:
    """What a row is scored by, from the definition."""
    x, q = vectors.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return -((x - q) ** 2).sum(1)
    products = x @ q
    if metric == "cosine":
        products /= np.linalg.norm(x, axis=1) * np.linalg.norm(q)
    return products


@pytest.fixture
def index(tmp_path: Path) -> VectorIndex:
    colours = ["red", "blue"] * (ROWS // 2)
    attributes = {"colour": colours, "price": np.arange(ROWS)}
    build_index(drawn(ROWS), tmp_path / "i", attributes=attributes)
    return open_index(tmp_path / "i")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["exact", "sketch", "lists"])
def test_it_finds_what_numpy_finds(metric: Any, kind: str, tmp_path: Path) -> None:
    vectors = drawn(ROWS)
    target = Target(k=10, recall=0.99, index=kind)
    made = edgerec.build_index(vectors, tmp_path / "i", metric=metric, target=target)
    assert (made.rows, made.dim, made.strategy.target) == (ROWS, DIM, target)
    found = []
    with edgerec.open_index(tmp_path / "i") as index:
        assert (len(index), index.dim, index.metric) == (ROWS, DIM, metric)
        assert index.version == made.version
        queries = drawn(20, seed=1)
        for query, together in zip(queries, index.search_many(queries, k=10), strict=True):
            results = index.search(query, k=10)
            assert results.ids == together.ids
            rows = [int(identifier) for identifier in results.ids]
            true = scores(metric, query, vectors)
            np.testing.assert_allclose(results.scores, true[rows], rtol=1e-4, atol=1e-4)
            found.append(len(set(rows) & set(np.argsort(-true)[:10].tolist())) / 10)
    assert np.mean(found) >= (1.0 if kind == "exact" else 0.8)


@given(
    rows=st.integers(1, 40),
    dim=st.integers(1, 20),
    half=st.booleans(),
    kept=st.sampled_from([None, "float32", "float16", "none"]),
    k=st.integers(1, 50),
    seed=st.integers(0, 5),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_size_answers_with_k_items_or_all(
    rows: int, dim: int, half: bool, kept: Any, k: int, seed: int, tmp_path: Path
) -> None:
    vectors = drawn(rows, dim, seed).astype(np.float16 if half else np.float32)
    ids = [f"item {row}" for row in range(rows)]
    build_index(vectors, tmp_path / "i", ids=ids, originals=kept, force=True)
    with open_index(tmp_path / "i") as index:
        results = index.search(vectors[0], k=k)
        assert len(results) == min(k, rows)
        assert set(results.ids) <= set(ids)
        assert (np.diff(results.scores) <= 0).all()
        assert index.vectors(ids).shape == (rows, dim)


def test_changes_are_seen_by_the_next_search(index: VectorIndex) -> None:
    query = drawn(1, seed=9)[0]
    first = index.upsert(["new"], 9 * query[None], colour=["green"], price=[1.5])
    results = index.search(query, k=1)
    assert (results.ids, results.sequence) == (("new",), first.sequence)
    assert index.search(query, k=1, where={"colour": ["red", "blue"]}).ids != ("new",)
    index.update("new", colour="red")
    assert index.search(query, k=1, where={"colour": "red"}).ids == ("new",)
    assert index.update_many(["new", "nobody"], price=[2.0, 3.0]).unknown == 1
    assert index.items(["new", "nobody"]) == [{"id": "new", "colour": "red", "price": 2.0}]
    assert index.delete(["new", "nobody"]).unknown == 1
    assert "new" not in index.search(query, k=ROWS).ids
    before = index.search(query, k=20)
    index.compact()
    after = index.search(query, k=20)
    assert (after.ids, after.scores.tolist()) == (before.ids, before.scores.tolist())
    assert len(index) == ROWS


@pytest.mark.parametrize("kind", ["exact", "sketch", "lists"])
def test_what_was_changed_is_saved(kind: str, tmp_path: Path) -> None:
    target = Target(k=10, recall=0.9, index=kind)
    build_index(drawn(ROWS), tmp_path / "i", target=target, attributes={"n": np.arange(ROWS)})
    queries = drawn(5, seed=3)
    with open_index(tmp_path / "i") as index:
        index.upsert(["new", "7"], 3 * queries[:2], n=[1, 2])
        index.update("8", n=80)
        index.delete(["9"])
        with pytest.raises(OutputExists):
            index.save(tmp_path / "i")
        version = index.save(tmp_path / "later")
        index.compact()
        index.save(tmp_path / "i", force=True)
    for name in ("later", "i"):
        with open_index(tmp_path / name) as saved:
            assert (saved.version == version) == (name == "later")
            assert (len(saved), saved.items(["8", "7"])[0]["n"]) == (ROWS, 80)
            found = saved.search_many(queries, k=ROWS)
            assert [results.ids[0] for results in found[:2]] == ["new", "7"]
            for results in found:
                assert (len(set(results.ids)), results.sequence) == (ROWS, 3)
                assert "9" not in results.ids


def test_a_change_while_it_is_saved_is_noticed(
    index: VectorIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = index._retriever.write

    def changed(writer: Any) -> None:
        index.update("3", colour="green")
        write(writer)

    monkeypatch.setattr(index._retriever, "write", changed)
    with pytest.raises(InvalidInput, match="between changes"):
        index.save(tmp_path / "later")
    assert not (tmp_path / "later").exists()


def test_filters_leave_what_meets_them(index: VectorIndex) -> None:
    where = {"colour": "red", "price": (10, 19)}
    for results in index.search_many(drawn(3, seed=2), k=50, where=where):
        assert sorted(map(int, results.ids)) == [10, 12, 14, 16, 18]
    assert index.search(drawn(1)[0], where={"price": (None, -1)}).ids == ()


def test_info_says_what_is_open(index: VectorIndex) -> None:
    info = index.info()
    assert (info["items"], info["dim"], info["metric"]) == (ROWS, DIM, "inner")
    assert info["attributes"] == {"colour": "keyword", "price": "number"}
    assert info["strategy"]["kind"] == "exact"
    assert info["memory"]["tables"]["codes"]["bytes"] == ROWS * (DIM + 4)


@pytest.mark.parametrize(
    ("query", "options", "error"),
    [
        (np.zeros(DIM + 1), {}, ShapeError),
        (np.zeros((1, DIM)), {}, ShapeError),
        (np.full(DIM, np.nan), {}, ValueRangeError),
        (np.full(DIM, 1e300), {}, ValueRangeError),
        ("text", {}, ShapeError),
        ([[1.0], [1.0, 2.0]], {}, ShapeError),
        (["a"] * DIM, {}, ShapeError),
        (np.zeros(DIM), {"k": 0}, ValueRangeError),
        (np.zeros(DIM), {"k": 2.5}, ValueRangeError),
        (np.zeros(DIM), {"where": {"size": 3}}, UnknownAttribute),
        (np.zeros(DIM), {"where": {"and": 3}}, InvalidInput),
    ],
)
def test_a_search_that_cannot_be_made_is_a_typed_error(
    query: Any, options: dict[str, Any], error: type[Exception], index: VectorIndex
) -> None:
    with pytest.raises(error):
        index.search(query, **options)


def test_a_change_that_cannot_be_made_changes_nothing(index: VectorIndex) -> None:
    vector = drawn(1)
    for change in (
        lambda: index.upsert(["a"], vector),
        lambda: index.upsert(["a"], vector, colour=["red"], price=[1, 2]),
        lambda: index.upsert("a", vector, colour=["red"], price=[1]),
        lambda: index.upsert(["a"], vector[:, 1:], colour=["red"], price=[1]),
        lambda: index.upsert(["a"], vector, colour=["red"], price=[1], size=[1]),
        lambda: index.update("nobody", colour="red"),
        lambda: index.items("abc"),
        lambda: index.vectors("abc"),
    ):
        with pytest.raises(InvalidInput):
            change()
    assert index.search(vector[0]).sequence == 0


@pytest.mark.parametrize(
    ("vectors", "options", "error", "says"),
    [
        (drawn(3).astype(np.float64), {}, ShapeError, "astype"),
        (drawn(3)[0], {}, ShapeError, "a row an item"),
        (drawn(0), {}, ShapeError, "at least one row"),
        ([[1.0]], {}, ShapeError, "array"),
        (np.full((2, 3), np.inf, np.float32), {}, ValueRangeError, "vectors"),
        (np.zeros((2, 5000), np.float32), {}, LimitExceeded, "4096"),
        (drawn(3), {"ids": ["a", "b"]}, ShapeError, "rows|items|shape"),
        (drawn(2), {"ids": ["a", "a"]}, InvalidInput, "unique"),
        (drawn(2), {"ids": "ab"}, InvalidInput, "sequence"),
        (drawn(2), {"ids": [1, 2]}, InvalidInput, "str"),
        (drawn(2), {"attributes": {"price": [1]}}, ShapeError, "one an id"),
        (drawn(2), {"attributes": {"price": 1}}, InvalidInput, "sequence"),
        (drawn(2), {"metric": "hamming"}, InvalidInput, "metric"),
        (drawn(2), {"originals": "int8"}, InvalidInput, "originals"),
        (drawn(2), {"queries": drawn(2, DIM + 1)}, ShapeError, "queries"),
        (drawn(9), {"target": Target(max_memory=10)}, LimitExceeded, "max_memory"),
    ],
)
def test_vectors_that_cannot_be_indexed_leave_nothing(
    vectors: Any, options: dict[str, Any], error: type[Exception], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        build_index(vectors, tmp_path / "i", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_index_is_replaced_only_when_told(tmp_path: Path) -> None:
    first = build_index(drawn(5), tmp_path / "i")
    with pytest.raises(OutputExists):
        build_index(drawn(6), tmp_path / "i")
    lines: list[str] = []
    second = build_index(drawn(6), tmp_path / "i", force=True, progress=lines.append)
    assert first.version != second.version
    assert 0 < len(lines) <= INDEX_STEPS


def test_what_was_built_says_how_good_it_is(tmp_path: Path) -> None:
    made: Indexed = build_index(drawn(300), tmp_path / "i", target=Target(k=5, index="sketch"))
    assert made.measured.kind == made.strategy.kind
    assert made.hot_bytes_an_item < made.bytes_an_item
    assert made.to_dict()["recall"] == made.measured.recall


def test_bundles_and_indexes_are_told_apart(tmp_path: Path, small_bundle: Path) -> None:
    build_index(drawn(5), tmp_path / "i")
    with pytest.raises(BundleError, match="open_index"):
        edgerec.open(tmp_path / "i")
    with pytest.raises(BundleNotFound):
        open_index(tmp_path / "none")
    with pytest.raises(InvalidInput):
        open_index(tmp_path / "i", prefault="some")  # type: ignore[arg-type]
    with open_index(small_bundle) as shop:  # a shop's index is searched by vectors
        (ids,) = (shop.search(np.ones(shop.dim), k=3).ids,)
        assert len(ids) == 3


def test_a_closed_index_says_so(index: VectorIndex) -> None:
    index.close()
    index.close()
    with pytest.raises(EngineClosed):
        index.search(np.zeros(DIM))
