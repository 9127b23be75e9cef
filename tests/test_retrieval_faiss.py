"""The FAISS index: its lists, its threads, its forks; the contract is tested for all indexes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import BundleCorruptError
from edgerec.retrieval.faiss import FaissIndex, FaissLists, train_lists
from edgerec.retrieval.faiss_lists import Lists
from tests.contracts.indexes import eligible_of, pairs, snapshot_of
from tests.strategies import catalogs

DIM = 16


def clustered(rows: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((25, DIM))
    x = centres[rng.integers(25, size=rows)] + 0.2 * rng.standard_normal((rows, DIM))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def lists() -> Lists:
    return train_lists(clustered(3000), 40)


@catalogs.patient
@given(st.integers(1, 60), st.data())
def test_every_row_is_in_one_list(rows: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, rows))
    lists = train_lists(data.draw(catalogs.vectors(rows, DIM)), count)
    assert len(lists) == count
    assert sorted(lists.rows.tolist()) == list(range(rows))


def test_training_is_repeatable(lists: Lists) -> None:
    again = train_lists(clustered(3000), 40)
    for name in ("centroids", "offsets", "rows", "codes", "ranges"):
        np.testing.assert_array_equal(getattr(again, name), getattr(lists, name))


def test_faiss_proposes_what_is_near(lists: Lists) -> None:
    vectors = clustered(3000)
    loaded = FaissLists(lists)
    for row in range(0, 3000, 500):
        found = loaded.nearest(vectors[row], 30, 4, None)
        truth = np.argsort(-(vectors @ vectors[row]))[:10]
        assert np.isin(truth, found).sum() >= 9


def test_a_filter_reaches_faiss(lists: Lists) -> None:
    mask = np.arange(3000) % 3 == 0
    found = FaissLists(lists).nearest(clustered(1)[0], 30, 40, eligible_of(mask).bitmap)
    assert found.size == 30
    assert mask[found].all()


def test_the_scan_steps_in_where_the_lists_hold_too_little(lists: Lists) -> None:
    vectors = clustered(3000)
    index = FaissIndex(FaissLists(lists), snapshot_of(vectors).segments, 1)
    far = np.argsort(vectors @ vectors[0])[:50]  # none of them in the list that is probed
    mask = np.zeros(3000, np.bool_)
    mask[far] = True
    hits = index.search(vectors[0], 10, eligible=eligible_of(mask))
    assert hits.rows.tolist() == far[::-1][:10].tolist()


def test_rows_that_came_later_are_found(lists: Lists) -> None:
    first, later = clustered(3000), clustered(37, seed=9)
    index = FaissIndex(FaissLists(lists), snapshot_of(first, later).segments, 4)
    for row, vector in enumerate(later, 3000):
        assert index.search(vector, 3).rows[0] == row


def test_lists_of_fewer_rows_than_the_base(lists: Lists) -> None:
    """A catalogue written with rows that came later has them in its base when it is read."""
    joined = np.concatenate([clustered(3000), clustered(37, seed=9)])
    index = FaissIndex(FaissLists(lists), snapshot_of(joined).segments, 4)
    for row in range(3000, 3037):
        assert index.search(joined[row], 3).rows[0] == row


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "centroids": lambda a: {"centroids": a["centroids"][:, :-1]},
    "no centroids": lambda a: {"centroids": a["centroids"][:0], "offsets": a["offsets"][:1]},
    "NaN centroid": lambda a: {"centroids": a["centroids"] * np.float32(np.nan)},
    "centroid dtype": lambda a: {"centroids": a["centroids"].astype(np.float64)},
    "offsets": lambda a: {"offsets": a["offsets"][::-1].copy()},
    "last offset": lambda a: {"offsets": a["offsets"] + 1},
    "row twice": lambda a: {"rows": np.zeros_like(a["rows"])},
    "row too large": lambda a: {"rows": a["rows"] + np.int32(1)},
    "negative row": lambda a: {"rows": a["rows"] - np.int32(1)},
    "codes": lambda a: {"codes": a["codes"][:-1]},
    "ranges": lambda a: {"ranges": a["ranges"] * np.float32(np.inf)},
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_that_do_not_fit_never_reach_faiss(lists: Lists, name: str) -> None:
    arrays = {
        part: getattr(lists, part) for part in ("centroids", "offsets", "rows", "codes", "ranges")
    }
    with np.errstate(invalid="ignore"), pytest.raises(BundleCorruptError):
        Lists(**arrays | WRONG[name](arrays))


def test_openmp_is_left_as_it_was(lists: Lists) -> None:
    faiss = pytest.importorskip("faiss")
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(2)
    try:
        FaissLists(lists).nearest(clustered(1)[0], 30, 4, None)
        train_lists(clustered(100), 2)
        assert faiss.omp_get_max_threads() == 2
    finally:
        faiss.omp_set_num_threads(before)


FORKS = """
import os, sys, numpy as np
sys.path.insert(0, os.getcwd())
from tests.contracts.indexes import pairs, snapshot_of
from tests.test_retrieval_faiss import clustered
from edgerec.retrieval.faiss import FaissIndex, FaissLists, train_lists

vectors = clustered(3000)
index = FaissIndex(FaissLists(train_lists(vectors, 40)), snapshot_of(vectors).segments, 4)
if "threads" in sys.argv:  # the host used FAISS with several OpenMP threads before
    import faiss
    faiss.omp_set_num_threads(4)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    flat.search(vectors, 5)
wanted = pairs(index.search(vectors[5], 10))
for _ in range(20):
    child = os.fork()
    if child == 0:
        same = pairs(index.search(vectors[5], 10)) == wanted
        trained = train_lists(vectors, 40)
        os._exit(0 if same and len(trained) == 40 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
"""


@pytest.mark.parametrize("argument", ["", "threads"])
def test_twenty_forks_after_use(argument: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, argument],
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "4"},
    )


def test_saved_arrays_give_the_same_bits(lists: Lists) -> None:
    vectors = clustered(3000)
    copied = Lists(
        *(
            np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)  # read-only, as mapped
            for a in (lists.centroids, lists.offsets, lists.rows, lists.codes, lists.ranges)
        )
    )
    segments = snapshot_of(vectors).segments
    one, other = (FaissIndex(FaissLists(part), segments, 3) for part in (lists, copied))
    for query in clustered(20, seed=4):
        assert pairs(one.search(query, 10)) == pairs(other.search(query, 10))
