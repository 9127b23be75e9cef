"""FAISS: graphs, and inverted files over codes of several kinds, re-ranked.

A factory string ending in ``Refine(SQfp16)`` keeps every vector in float16 too, one in ``RFlat`` in
float32; the width says how many times k of them are looked at.
"""

from __future__ import annotations

from typing import Any

from edgerec.retrieval.faiss import import_faiss
from edgerec.retrieval.peers.searcher import Ask, Knobs, Rows, Vectors

__all__ = ["FaissSearcher", "build_faiss", "faiss_alone"]

REFINED = (1, 4, 16, 64)
MOST_EFFORT = 2048


def faiss_alone() -> Any:
    """Return FAISS bound to one thread for good, with the setting that is fair to its batches.

    Its default threshold for BLAS is seven times slower for them.
    """
    faiss = import_faiss()
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 20
    return faiss


def build_faiss(
    vectors: Vectors,
    *,
    factory: str,
    l2: bool = False,
    construction: int = 0,
    iterations: int = 10,
    sample: int = 64,
) -> Any:
    """Train and fill an index: ``sample`` vectors a list for k-means, ``iterations`` of it."""
    faiss = faiss_alone()
    metric = faiss.METRIC_L2 if l2 else faiss.METRIC_INNER_PRODUCT
    index = faiss.index_factory(vectors.shape[1], factory, metric)
    base = _base_of(faiss, index)
    if construction:
        base.hnsw.efConstruction = construction
    if hasattr(base, "nlist"):
        base.cp.niter, base.cp.max_points_per_centroid = iterations, sample
        base.cp.min_points_per_centroid = 1  # it would warn where there are fewer
    index.train(vectors)
    index.add(vectors)
    return index


class FaissSearcher:
    """A FAISS index and its knobs: ``efSearch`` of a graph, ``nprobe`` of an inverted file."""

    def __init__(self, index: Any) -> None:
        faiss = faiss_alone()
        self.index = faiss.downcast_index(index)
        self._whole = index  # whose memory the other is
        self._base = _base_of(faiss, self.index)
        self._graph = getattr(self._base, "hnsw", None)
        self._lists_graph = None
        if self._graph is None:
            quantizer = faiss.downcast_index(self._base.quantizer)
            self._lists_graph = getattr(quantizer, "hnsw", None)
        refined = hasattr(self.index, "k_factor")
        most = min(MOST_EFFORT, getattr(self._base, "nlist", MOST_EFFORT))
        self.knobs = Knobs(most, REFINED if refined else (1,))

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam (at least k) or the number of lists, and how many are re-ranked."""
        search, refined = self.index.search, self.knobs.widths != (1,)

        def turn() -> None:
            if self._graph is not None:
                self._graph.efSearch = max(effort, k * width)
            else:
                self._base.nprobe = effort
            if self._lists_graph is not None:  # finds as many lists as are probed, and finds them
                self._lists_graph.efSearch = max(16, 2 * effort)
            if refined:
                self.index.k_factor = width

        def one(query: Vectors) -> Rows:
            rows: Rows = search(query[None], k)[1][0]
            return rows

        def many(queries: Vectors) -> Rows:
            rows: Rows = search(queries, k)[1]
            return rows

        turn()
        return Ask(one, many, turn)


def _base_of(faiss: Any, index: Any) -> Any:
    """Return the index below the re-ranking, if there is any."""
    index = faiss.downcast_index(index)
    return faiss.downcast_index(index.base_index) if hasattr(index, "k_factor") else index
