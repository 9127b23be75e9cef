"""The data sets of the approximate search: 1 M generated vectors, three ways, and real ones.

    python -m bench.retrieval.sets            # make what is not there, and say what each is

Similarity is the inner product.  The truth of a query is its 100 best items in float32, exactly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.retrieval import generated, real
from bench.retrieval.cache import Entry, entry

__all__ = ["NAMES", "DataSet", "load"]

DEPTH = 100
"""How many of the best items are known for each query."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """How a set is made: all of ``settings`` is part of its key."""

    make: Callable[..., tuple[Vectors, Vectors]]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Items, queries and the truth.

    Parameters
    ----------
    name, key : str
        ``key`` stands for the content.
    items : (n, dim) float32, or float16 in the growth figure
    queries : (q, dim) float32
    truth : (q, 100) int32
        The rows of the largest inner products, best first.
    """

    name: str
    key: str
    items: NDArray[Any]
    queries: Vectors
    truth: NDArray[np.int32]

    @property
    def unit(self) -> bool:
        """Whether the items have length 1."""
        return np.allclose(np.linalg.norm(self.items[:1000], axis=1), 1, atol=1e-3)

    def read(self) -> NDArray[Any]:
        """Return the items in memory, mapped or not."""
        return np.array(self.items)


SOURCES = {
    "clustered": Source(generated.clustered, asdict(generated.Clustered())),
    "low-rank": Source(generated.low_rank, asdict(generated.LowRank())),
    "norms": Source(generated.popular_norms, asdict(generated.PopularNorms())),
    "texts": Source(real.texts, asdict(real.Texts())),
    "shoppers": Source(real.shoppers, asdict(real.Shoppers())),
}
NAMES = tuple(SOURCES)


def load(name: str) -> DataSet:
    """Read a set, made now if the cache lacks it; items are mapped, not read.

    Raises
    ------
    bench.sequences.DataAbsent
        A real set, and the folder of public data is not there.
    """
    place = cached(name)
    with place.made() as folder:
        if folder is not None:
            _make(SOURCES[name], folder)
            place.finish({"name": name, "settings": dict(SOURCES[name].settings)})
    arrays = [np.load(place.path / f"{part}.npy", mmap_mode="r") for part in PARTS]
    return DataSet(name, place.path.name, *arrays)


def cached(name: str) -> Entry:
    """Return the set's place in the cache."""
    settings = SOURCES[name].settings
    return entry("sets", name, {**settings, "numpy": np.__version__.split(".")[0]})


PARTS = ("items", "queries", "truth")


def _make(source: Source, folder: Path) -> None:
    items, queries = source.make(**source.settings)
    for part, array in zip(PARTS, (items, queries, best_rows(items, queries)), strict=True):
        np.save(folder / f"{part}.npy", array)


def best_rows(items: NDArray[Any], queries: Vectors, *, step: int = 1 << 16) -> NDArray[np.int32]:
    """Return the ``DEPTH`` rows with the largest inner products, best first, by NumPy alone."""
    rows: NDArray[np.int32] = np.zeros((len(queries), 0), np.int32)
    scores: Vectors = np.zeros((len(queries), 0), np.float32)
    for start in range(0, len(items), step):
        block: Vectors = queries @ items[start : start + step].astype(np.float32, copy=False).T
        kept = min(DEPTH, block.shape[1])
        places = np.argpartition(block, -kept, axis=1)[:, -kept:]
        rows = np.concatenate([rows, (places + start).astype(np.int32)], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(block, places, axis=1)], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        rows = np.take_along_axis(rows, order, axis=1)
        scores = np.take_along_axis(scores, order, axis=1)
    return rows


def main() -> None:
    """Make every set."""
    for name in sys.argv[1:] or NAMES:
        found = load(name)
        n, dim = found.items.shape
        print(f"{name}: {n} x {dim}, {len(found.queries)} queries, {found.key}", flush=True)


if __name__ == "__main__":
    main()
