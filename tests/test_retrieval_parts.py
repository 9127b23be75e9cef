"""An index of FAISS in a bundle: the same answers, and nothing that was damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.errors import BundleCorruptError
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target
from tests.contracts.indexes import pairs
from tests.test_retrieval_retriever import ROWS, catalog_of, items_of, vectors_of

PART = "retrieval/faiss/index"
FACTORIES = ["IVF{n},SQ8", "HNSW8", "RR,IVF8_HNSW4,PQ8x4fsr", "PQ8x4fs"]


def retriever_of(factory: str) -> Retriever:
    target = Target(k=10, recall=0.8, index=factory)
    return Retriever.build(catalog_of(), target, queries=vectors_of(60, seed=5))


def bundled(retriever: Retriever, place: Path) -> Path:
    with BundleWriter(place) as writer:
        retriever.catalog.write(writer)
        retriever.write(writer)
    return place


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_bundle_gives_the_same_answers_and_sees_changes(factory: str, tmp_path: Path) -> None:
    old = retriever_of(factory)
    old.catalog.upsert(items_of(f"b{i}" for i in range(40)), vectors_of(40, seed=9))
    old.catalog.delete(["a3", "b7"])
    with open_bundle(bundled(old, tmp_path / "b")) as bundle:
        new = Retriever.read(bundle, Catalog.read(bundle))
    assert new.strategy == old.strategy
    now = new.catalog.snapshot()
    assert new.index_for(now, now.eligible()).indexed[0] <= ROWS
    for query in vectors_of(20, seed=2):
        assert pairs(new.search(now, query, 10)) == pairs(
            old.search(old.catalog.snapshot(), query, 10)
        )
    new.catalog.upsert(items_of(["new"]), vectors_of(1, seed=3))
    now = new.catalog.snapshot()
    assert now.ids(new.search(now, vectors_of(1, seed=3)[0], 1).rows) == ("new",)
    assert "b7" not in now.ids(new.search(now, vectors_of(40, seed=9)[7], 10_000).rows)


def test_lists_are_fewer_where_rows_have_become_fewer() -> None:
    retriever = retriever_of("IVF64,Flat")
    retriever.catalog.delete([f"a{i}" for i in range(ROWS - 9)])
    fresh = retriever.compaction().run()
    index = retriever.index_for(fresh, fresh.eligible())
    assert (index.kind, index.indexed[0]) == ("faiss", 9)
    assert len(retriever.search(fresh, vectors_of()[-1], 10)) == 9


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"factory": "IVF9,SQ8", "rows": ROWS}, "wanted"),
        ({"factory": "IVF8,SQ8", "rows": ROWS - 1}, "wanted"),
        ({"factory": "IVF8,SQ8", "rows": ROWS + 1}, "rows"),
        ({"factory": "IVF8,SQ8", "rows": "9"}, "rows"),
        ({"factory": "IVF8,SQ8", "rows": 0}, "rows"),
        ({"factory": "IVF8,PQ5", "rows": ROWS}, "multiple"),
        ({"factory": "LSH", "rows": ROWS}, "factory string"),
        ({"rows": ROWS}, "factory string"),
        ({}, "rows"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    more: dict[str, Any], match: str, tmp_path: Path
) -> None:
    retriever = retriever_of("IVF8,SQ8")
    with BundleWriter(tmp_path / "b") as writer:
        retriever.catalog.write(writer)
        retriever.write(writer)
        writer.set("retrieval", {**retriever.strategy.to_dict(), "index": more})
    with (
        open_bundle(tmp_path / "b") as bundle,
        pytest.raises(BundleCorruptError, match=match),
    ):
        Retriever.read(bundle, Catalog.read(bundle))


@pytest.mark.parametrize("part", [np.zeros(900, np.float32), np.zeros((30, 30), np.uint8)])
def test_a_part_of_another_shape_is_refused(part: Any, tmp_path: Path) -> None:
    retriever = retriever_of("IVF8,SQ8")
    more = {"factory": "IVF8,SQ8", "rows": ROWS}
    with BundleWriter(tmp_path / "b") as writer:
        retriever.catalog.write(writer)
        writer.add_array(PART, "index", part)
        writer.set("retrieval", {**retriever.strategy.to_dict(), "index": more})
    with open_bundle(tmp_path / "b") as bundle, pytest.raises(BundleCorruptError, match="bytes"):
        Retriever.read(bundle, Catalog.read(bundle))


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    place = bundled(retriever_of("IVF8,SQ8"), tmp_path / "b")
    manifest = json.loads((place / "manifest.json").read_text())
    (entry,) = [one for one in manifest["parts"] if one["name"] == PART]
    file = next(path for path in place.rglob("*") if entry["sha256"] in path.name)
    data = bytearray(file.read_bytes())
    data[-40] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))
    with pytest.raises(BundleCorruptError, match=PART):
        open_bundle(place)
