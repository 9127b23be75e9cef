"""The retriever: follows the strategy, sees every change, keeps itself in a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.compaction import Compaction
from edgerec.catalog.items import Items
from edgerec.errors import BundleCorruptError, ShapeError
from edgerec.retrieval.faiss import FaissLists, train_lists
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Strategy, Target
from tests.contracts.indexes import eligible_of, pairs

DIM, ROWS = 8, 600


def vectors_of(rows: int = ROWS, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, DIM)).astype(np.float32)


def catalog_of(rows: int = ROWS) -> Catalog:
    return Catalog(Items(tuple(f"a{i}" for i in range(rows)), {}, ()), vectors_of(rows))


def retriever_of(kind: str) -> Retriever:
    catalog = catalog_of()
    if kind == "exact":
        return Retriever(catalog, Strategy("exact", ROWS, DIM, Target(), "a test"))
    lists = FaissLists(train_lists(vectors_of(), 12))
    strategy = Strategy("ivf", ROWS, DIM, Target(), "a test", lists=12, probes=12, exact_below=0.25)
    return Retriever(catalog, strategy, lists)


both = pytest.mark.parametrize("kind", ["exact", "ivf"])


@both
def test_the_nearest_is_found_until_it_is_deleted(kind: str) -> None:
    retriever, query = retriever_of(kind), vectors_of()[77] * 3
    before = retriever.catalog.snapshot()
    first = retriever.search(before, query, 5)
    assert first.rows[0] == 77
    retriever.catalog.delete(["a77"])
    after = retriever.catalog.snapshot()
    assert retriever.search(after, query, 5).rows.tolist()[:4] == first.rows.tolist()[1:]
    assert pairs(retriever.search(before, query, 5)) == pairs(first)


@both
def test_what_is_added_is_found_at_once(kind: str) -> None:
    retriever, vectors = retriever_of(kind), vectors_of(3, seed=1) * 9
    retriever.catalog.upsert(Items(("new", "a5", "newer"), {}, ()), vectors)
    now = retriever.catalog.snapshot()
    for name, vector in zip(("new", "a5", "newer"), vectors, strict=True):
        assert now.ids(retriever.search(now, vector, 1).rows) == (name,)
    assert 5 not in retriever.search(now, vectors_of()[5], 10_000).rows


@both
def test_after_a_compaction_the_old_index_is_not_asked(kind: str) -> None:
    retriever, query = retriever_of(kind), vectors_of()[77]
    retriever.catalog.delete([f"a{i}" for i in range(70)])
    Compaction(retriever.catalog).run()
    now = retriever.catalog.snapshot()
    assert now.rows == ROWS - 70
    assert now.ids(retriever.search(now, query * 3, 1).rows) == ("a77",)


@both
def test_nothing_is_found_in_nothing(kind: str) -> None:
    retriever = retriever_of(kind)
    retriever.catalog.delete([f"a{i}" for i in range(ROWS)])
    now = retriever.catalog.snapshot()
    hits = retriever.search(now, vectors_of(1)[0], 10)
    assert (len(hits), hits.rows.dtype, hits.scores.dtype) == (0, np.int32, np.float32)


@pytest.mark.parametrize(("share", "kind"), [(1.0, "ivf"), (0.5, "ivf"), (0.2, "exact")])
def test_a_narrow_filter_is_scanned(share: float, kind: str) -> None:
    retriever = retriever_of("ivf")
    eligible = eligible_of(np.arange(ROWS) < share * ROWS)
    assert retriever.index_for(retriever.catalog.snapshot(), eligible).kind == kind


def test_a_snapshot_from_before_the_build_is_scanned() -> None:
    catalog, added = catalog_of(), vectors_of(1, seed=3) * 9
    before = catalog.snapshot()
    catalog.upsert(Items(("new",), {}, ()), added)
    lists = FaissLists(train_lists(np.concatenate([vectors_of(), added]), 4))
    strategy = Strategy("ivf", ROWS + 1, DIM, Target(), "a test", lists=4, probes=4)
    retriever = Retriever(catalog, strategy, lists)
    assert retriever.index_for(before, before.eligible()).kind == "exact"
    assert len(retriever.search(before, added[0], 10_000)) == ROWS
    assert retriever.search(catalog.snapshot(), added[0], 1).rows.tolist() == [ROWS]


@both
def test_a_bundle_gives_the_same_answers(kind: str, tmp_path: Path) -> None:
    old = retriever_of(kind)
    with BundleWriter(tmp_path / "b") as writer:
        old.catalog.write(writer)
        old.write(writer)
    with open_bundle(tmp_path / "b") as bundle:
        new = Retriever.read(bundle, Catalog.read(bundle))
    assert new.strategy == old.strategy
    for query in vectors_of(20, seed=2):
        one = old.search(old.catalog.snapshot(), query, 10)
        other = new.search(new.catalog.snapshot(), query, 10)
        assert pairs(one) == pairs(other)


def test_build_measures_and_chooses() -> None:
    retriever = Retriever.build(catalog_of(), Target(k=10, exact_enough_us=1e9))
    assert (retriever.strategy.kind, retriever.index) == ("exact", None)


MISFITS: dict[str, Callable[[], object]] = {
    "index without a strategy": lambda: Retriever(
        catalog_of(),
        Strategy("exact", ROWS, DIM, Target(), "a test"),
        FaissLists(train_lists(vectors_of(), 2)),
    ),
    "strategy without its index": lambda: Retriever(catalog_of(), retriever_of("ivf").strategy),
    "index of more rows": lambda: Retriever(
        catalog_of(9), retriever_of("ivf").strategy, retriever_of("ivf").index
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_index_strategy_and_catalogue_belong_together(name: str) -> None:
    with pytest.raises(ShapeError):
        MISFITS[name]()


def test_a_bundle_whose_parts_do_not_fit(tmp_path: Path) -> None:
    retriever = retriever_of("ivf")
    with BundleWriter(tmp_path / "b") as writer:
        catalog_of(9).write(writer)
        retriever.write(writer)
    with (
        open_bundle(tmp_path / "b") as bundle,
        pytest.raises(BundleCorruptError, match="does not belong"),
    ):
        Retriever.read(bundle, Catalog.read(bundle))
