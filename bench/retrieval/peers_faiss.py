"""FAISS: graphs, and inverted files over codes of several kinds, re-ranked in float16.

A factory string ending in ``Refine(SQfp16)`` keeps every vector in float16 too; the width says how
many times k of them are looked at.  Batches take the form that is fair to FAISS: its default
threshold for BLAS is seven times slower for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.retrieval.peer import Ask, Knobs, Peer, Rows, Searcher, Vectors

__all__ = ["PEERS", "one_thread"]

FILE = "index.faiss"
REFINED = (1, 4, 16, 64)
MOST_EFFORT = 2048


def one_thread() -> Any:
    """Import FAISS, bound to one thread, with its fair setting for batches."""
    import faiss

    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 20
    return faiss


def build(
    items: Vectors, *, factory: str, construction: int = 0, iterations: int = 10, sample: int = 64
) -> Callable[[Path], None]:
    """Train and fill an index: ``sample`` vectors a list for k-means, ``iterations`` of it."""
    faiss = one_thread()
    index = faiss.index_factory(items.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    base = faiss.downcast_index(index.base_index) if "Refine" in factory else index
    if construction:
        base.hnsw.efConstruction = construction
    if factory.startswith("IVF"):
        base.cp.niter, base.cp.max_points_per_centroid = iterations, sample
    index.train(items)
    index.add(items)
    return lambda folder: faiss.write_index(index, str(folder / FILE))


class FaissSearcher:
    """A FAISS index and its knobs: ``efSearch`` of a graph, ``nprobe`` of an inverted file."""

    def __init__(self, folder: Path, items: Vectors) -> None:
        del items
        faiss = one_thread()
        self.index = faiss.read_index(str(folder / FILE))
        self.refine = faiss.downcast_index(self.index)
        refined = hasattr(self.refine, "k_factor")
        self.base = faiss.downcast_index(self.refine.base_index) if refined else self.refine
        most = min(MOST_EFFORT, getattr(self.base, "nlist", MOST_EFFORT))
        self.knobs = Knobs(most, REFINED if refined else (1,))

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam (at least k) or the number of lists, and how many are re-ranked."""
        if hasattr(self.base, "hnsw"):
            self.base.hnsw.efSearch = max(effort, k * width)
        else:
            self.base.nprobe = effort
            self._quantizer_beam(effort)
        if self.knobs.widths != (1,):
            self.refine.k_factor = width
        search = self.index.search

        def one(query: Vectors) -> Rows:
            rows: Rows = search(query[None], k)[1][0]
            return rows

        def many(queries: Vectors) -> Rows:
            rows: Rows = search(queries, k)[1]
            return rows

        return Ask(one, many)

    def _quantizer_beam(self, probes: int) -> None:
        """Let the graph over the centroids find as many as are probed, and find them well."""
        faiss = one_thread()
        quantizer = faiss.downcast_index(self.base.quantizer)
        if hasattr(quantizer, "hnsw"):
            quantizer.hnsw.efSearch = max(16, 2 * probes)


def _graph(name: str, factory: str, construction: int) -> Peer:
    settings = {"factory": factory, "construction": construction}
    return Peer(f"faiss-{name}", "faiss-cpu", settings, build, FaissSearcher)


def _lists(name: str, codes: str) -> Peer:
    settings = {"factory": f"IVF{{lists}}_HNSW32,{codes},Refine(SQfp16)"}
    return Peer(f"faiss-{name}", "faiss-cpu", settings, build_lists, FaissSearcher)


def build_lists(items: Vectors, *, factory: str) -> Callable[[Path], None]:
    """Build with 4096 lists for a million items, in smaller sets four times the root."""
    lists = max(16, min(4096, 1 << round(4 * len(items) ** 0.5).bit_length() - 1))
    codes = factory.format(lists=lists).replace("PQ64", f"PQ{items.shape[1] // 2}")
    return build(items, factory=codes)


_: type[Searcher] = FaissSearcher
PEERS = (
    _graph("hnsw32", "HNSW32", 40),
    _lists("ivf-pqfs", "PQ64x4fs"),
    _lists("ivf-pqfsr", "PQ64x4fsr"),
    _lists("ivf-sq8", "SQ8"),
    _lists("ivf-rabitqfs", "RaBitQfs"),
    _graph("hnsw64-sq8", "HNSW64_SQ8,Refine(SQfp16)", 200),
    _graph("hnsw32-200", "HNSW32", 200),
)
