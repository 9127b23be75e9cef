"""FAISS by factory string: recall, filters, bytes, threads and forks; the contract is elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import pack
from edgerec.catalog.vectors import Metric
from edgerec.errors import BundleCorruptError, InvalidInput, ValueRangeError
from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.faiss_rows import FaissRows
from tests.contracts.indexes import eligible_of, pairs, snapshot_of

DIM = 16
KINDS = {
    "IVF40,SQ8": 8,
    "IVF40_HNSW8,PQ8x4fsr": 8,
    "IVF40,RaBitQfs": 8,
    "OPQ2,IVF40,PQ8x4fs": 8,
    "HNSW16": 16,
    "HNSW16,SQ8": 16,
    "RR,RaBitQ": 1,
    "PQ8x4fs": 1,
    "PQ4": 1,
    "RaBitQfs": 1,
    "SQfp16": 1,
}
METRICS: list[Metric] = ["cosine", "l2"]
ASKED: list[tuple[str, Metric]] = [
    *((factory, "inner") for factory in KINDS),
    *product(("IVF40,SQ8", "HNSW16", "PQ8x4fs", "RR,RaBitQ"), METRICS),
]


def clustered(rows: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).standard_normal((25, DIM))
    x = centres[rng.integers(25, size=rows)] + 0.2 * rng.standard_normal((rows, DIM))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@cache
def made(factory: str, metric: Metric = "inner", *, rows: int = 3000) -> FaissRows:
    return FaissRows.of(
        snapshot_of(clustered(rows), metric=metric).segments[0], factory, metric=metric
    )


@pytest.mark.parametrize(("factory", "metric"), ASKED)
def test_what_is_near_is_found_with_and_without_a_filter(
    factory: str, metric: Metric, capfd: pytest.CaptureFixture[str]
) -> None:
    vectors = clustered(3000)
    segments = snapshot_of(vectors, metric=metric).segments
    index = FaissIndex(made(factory, metric), segments, KINDS[factory], shortlist=100)
    for share in (None, 0.7, 0.3, 0.03):
        mask = np.random.default_rng(7).random(3000) < (2 if share is None else share)
        eligible = None if share is None else eligible_of(mask)
        hits = 0
        for query in clustered(20, seed=4):
            truth = np.argsort(np.where(mask, -(vectors @ query), 9))[:10]
            hits += np.isin(truth, index.search(query, 10, eligible=eligible).rows).sum()
        assert hits >= 180, share
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("factory", [f for f in KINDS if f not in ("PQ8x4fs", "PQ4", "RaBitQfs")])
def test_a_filter_reaches_faiss(factory: str) -> None:
    mask = np.arange(3000) % 3 == 0
    found = made(factory).nearest(clustered(1)[0], 30, 40, pack(mask))
    assert found.size == 30
    assert mask[found].all()


@pytest.mark.parametrize("factory", KINDS)
def test_bytes_give_the_same_bits(factory: str) -> None:
    one = made(factory)
    data = one.to_bytes()
    again = FaissRows.of(snapshot_of(clustered(3000)).segments[0], factory)
    np.testing.assert_array_equal(again.to_bytes(), data)  # training is repeatable
    data.flags.writeable = False
    other = FaissRows.from_bytes(data, factory, rows=3000, dim=DIM, metric="inner")
    segments = snapshot_of(clustered(3000)).segments
    for query in clustered(5, seed=4):
        assert pairs(FaissIndex(one, segments, 4).search(query, 10)) == pairs(
            FaissIndex(other, segments, 4).search(query, 10)
        )


@pytest.mark.parametrize("factory", KINDS)
def test_truncated_bytes_are_refused(factory: str) -> None:
    data = made(factory, rows=300).to_bytes()
    for size in (0, 1, 4, 20, data.size // 3, data.size // 2, data.size - 1):
        with pytest.raises(BundleCorruptError, match="retrieval/faiss"):
            FaissRows.from_bytes(
                data[:size], factory, rows=300, dim=DIM, metric="inner", part="retrieval/faiss"
            )


@pytest.mark.parametrize(
    ("factory", "rows", "metric"),
    [
        ("IVF40,SQ8", 300, "l2"),
        ("IVF40,SQ8", 299, "inner"),
        ("IVF39,SQ8", 300, "inner"),
        ("IVF40,SQ6", 300, "inner"),
        ("IVF40,Flat", 300, "inner"),
        ("IVF40_HNSW8,SQ8", 300, "inner"),
        ("RR,IVF40,SQ8", 300, "inner"),
        ("HNSW8,SQ8", 300, "inner"),
        ("SQ8", 300, "inner"),
    ],
)
def test_bytes_of_another_index_are_refused(factory: str, rows: int, metric: Metric) -> None:
    data = made("IVF40,SQ8", rows=300).to_bytes()
    with pytest.raises(BundleCorruptError, match="wanted"):
        FaissRows.from_bytes(data, factory, rows=rows, dim=DIM, metric=metric)


def test_lists_that_hold_a_row_twice_are_refused() -> None:
    faiss = pytest.importorskip("faiss")
    data = made("IVF4,SQ8", rows=300).to_bytes()
    index = faiss.deserialize_index(data)
    size = index.invlists.list_size(0)
    faiss.rev_swig_ptr(index.invlists.get_ids(0), size)[:] = 7
    data = faiss.serialize_index(index)
    with pytest.raises(BundleCorruptError, match="once"):
        FaissRows.from_bytes(data, "IVF4,SQ8", rows=300, dim=DIM, metric="inner")


def test_flipped_bytes_never_crash() -> None:
    """A hash reveals them before; without one they are refused, or only cost recall."""
    subprocess.run([sys.executable, "-c", FLIPS], check=True, timeout=120, cwd=ROOT)


ROOT = Path(__file__).parents[1]
FLIPS = """
import os, sys, numpy as np
sys.path.insert(0, os.getcwd())
from edgerec.errors import BundleCorruptError
from tests.test_retrieval_faiss import DIM, FaissRows, clustered, made
rng = np.random.default_rng(0)
for factory in ("IVF9,SQ8", "HNSW8", "PQ8x4fs", "IVF9_HNSW8,PQ8x4fsr", "RR,RaBitQ"):
    data = made(factory, rows=300).to_bytes()
    refused = 0
    for place in [*range(0, 80, 2), *rng.integers(0, data.size, 40).tolist()]:
        flipped = data.copy()
        flipped[place] ^= np.uint8(1 << rng.integers(8))
        try:
            read = FaissRows.from_bytes(flipped, factory, rows=300, dim=DIM, metric="inner")
        except BundleCorruptError:
            refused += 1
            continue
        assert (read.nearest(clustered(1)[0], 30, 9) < 300).all()
    assert refused > 10, (factory, refused)  # of forty in the header
"""


def test_what_does_not_fit_is_refused() -> None:
    segment = snapshot_of(clustered(30)).segments[0]
    with pytest.raises(InvalidInput, match="31 lists"):
        FaissRows.of(segment, "IVF31,SQ8")
    large = snapshot_of(clustered(30) * np.float32(1e6)).segments[0]
    with pytest.raises(ValueRangeError, match="float16"):
        FaissRows.of(large, "SQfp16")


def test_rows_that_came_later_are_found() -> None:
    first, later = clustered(3000), clustered(37, seed=9)
    trained = made("IVF40,SQ8")
    joined = snapshot_of(np.concatenate([first, later])).segments  # as a bundle has them
    for segments in (snapshot_of(first, later).segments, joined):
        index = FaissIndex(trained, segments, 4)
        for row, vector in enumerate(later, 3000):
            assert index.search(vector, 3).rows[0] == row


def test_openmp_and_limits_are_left_as_they_were() -> None:
    faiss = pytest.importorskip("faiss")
    before = faiss.omp_get_max_threads(), faiss.get_deserialization_vector_byte_limit()
    faiss.omp_set_num_threads(2)
    try:
        trained = made("IVF4,SQ8", rows=300)
        trained.nearest(clustered(1)[0], 30, 4)
        FaissRows.from_bytes(trained.to_bytes(), "IVF4,SQ8", rows=300, dim=DIM, metric="inner")
        assert faiss.omp_get_max_threads() == 2
        assert faiss.get_deserialization_vector_byte_limit() == before[1]
    finally:
        faiss.omp_set_num_threads(before[0])


FORKS = """
import os, sys, numpy as np
sys.path.insert(0, os.getcwd())
from tests.test_retrieval_faiss import FaissIndex, clustered, made, pairs, snapshot_of

vectors = clustered(3000)
segments = snapshot_of(vectors).segments
indexes = [FaissIndex(made(factory), segments, 8) for factory in ("IVF40_HNSW8,PQ8x4fsr", "HNSW8")]
if "threads" in sys.argv:  # the host used FAISS with several OpenMP threads before
    import faiss
    faiss.omp_set_num_threads(4)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    flat.search(vectors, 5)
wanted = [pairs(index.search(vectors[5], 10)) for index in indexes]
for _ in range(20):
    child = os.fork()
    if child == 0:
        same = [pairs(index.search(vectors[5], 10)) for index in indexes] == wanted
        trained = made("IVF40,SQ8", rows=300)
        os._exit(0 if same and trained.rows == 300 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
"""


@pytest.mark.parametrize("argument", ["", "threads"])
def test_twenty_forks_after_use(argument: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, argument],
        check=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "4"},
    )
