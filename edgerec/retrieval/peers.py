"""Other libraries' indexes, built on the spot to be measured beside ours. Never used to serve.

Each is in the form that its makers recommend for in-memory search, on one thread.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import InvalidInput, MissingDependency

__all__ = ["PEERS", "Peer", "installed", "peers_named"]

Vectors = NDArray[np.float32]
Search = Callable[[Vectors], NDArray[Any]]
"""From a query to the numbers of the vectors that were found; -1 where there was none."""
Build = Callable[[Vectors, bool, int], Mapping[str, Search]]

BEAMS = (16, 32, 64, 128, 256, 512, 1024)
PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WIDTHS = (4, 16)  # times k looked at by the vectors themselves
SAMPLE_ROWS, FEW_ROWS = 4096, 512
GRAPH, LISTS, SAMPLED = 1.1, 1.25, 1.1  # n log n; lists that are more; trained on a part


@dataclass(frozen=True, slots=True)
class Peer:
    """One form of one library's index.

    Parameters
    ----------
    name, package : str
        What it is called, and what must be importable.
    build : callable
        From vectors (n, dim) float32, whether to compare by L2 instead of the inner product, and
        k, to a search for each effort.
    growth : float
        Exponent of the time that it takes to build, over the number of vectors.
    """

    name: str
    package: str
    build: Build
    growth: float

    def expected_s(self, vectors: Vectors, l2: bool, k: int) -> float:
        """Seconds of CPU that building takes, by those of a small sample; 0 where all are as few.

        The CPU's and not the clock's, which runs on while others have the core.
        """
        if len(vectors) <= SAMPLE_ROWS:
            return 0.0
        sample = np.ascontiguousarray(vectors[:: len(vectors) // SAMPLE_ROWS][:SAMPLE_ROWS])
        self._built_s(sample[:FEW_ROWS], l2, k)  # the library is loaded by then
        always = self._built_s(sample[:FEW_ROWS], l2, k)  # however few they are
        growing = max(0.0, self._built_s(sample, l2, k) - always)
        return float(always + growing * (len(vectors) / len(sample)) ** self.growth)

    def _built_s(self, vectors: Vectors, l2: bool, k: int) -> float:
        start = time.process_time()
        self.build(vectors, l2, min(k, len(vectors)))
        return time.process_time() - start


def installed(peer: Peer) -> bool:
    """Whether the library can be imported."""
    return importlib.util.find_spec(peer.package) is not None


def peers_named(against: str | None) -> list[Peer]:
    """Return the peers of a list such as ``faiss,hnswlib``; those that are installed without one.

    Raises
    ------
    InvalidInput
        There is no such peer.
    MissingDependency
        It was asked for and is not installed.
    """
    if against is None:
        return [peer for peer in PEERS if installed(peer)]
    chosen: list[Peer] = []
    for name in filter(None, (part.strip() for part in against.split(","))):
        found = [peer for peer in PEERS if name in (peer.name, peer.package)]
        if not found:
            known = ", ".join(dict.fromkeys(peer.package for peer in PEERS))
            raise InvalidInput(f"no peer {name!r}: give some of {known}, or '' for none")
        if not installed(found[0]):
            raise MissingDependency(f"{name} cannot be imported: pip install {name}")
        chosen += found
    return list(dict.fromkeys(chosen))


def _faiss() -> Any:
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss


def _faiss_graph(vectors: Vectors, l2: bool, k: int) -> dict[str, Search]:
    faiss = _faiss()
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, _faiss_metric(faiss, l2))
    index.hnsw.efConstruction = 200
    index.add(vectors)
    settings = {f"efSearch {beam}": faiss.SearchParametersHNSW(efSearch=beam) for beam in _beams(k)}
    return {words: partial(_ask_faiss, index, k, one) for words, one in settings.items()}


def _faiss_lists(vectors: Vectors, l2: bool, k: int) -> dict[str, Search]:
    """Lists of 4-bit codes, re-ranked by the vectors; of the vectors where there are too few."""
    faiss = _faiss()
    rows, dim = vectors.shape
    lists = max(1, min(4096, round(4 * rows**0.5), rows // 39))
    metric = _faiss_metric(faiss, l2)
    coded = dim % 2 == 0 and rows >= 10_000
    codes = f"IVF{lists},PQ{dim // 2}x4fs,RFlat" if coded else f"IVF{lists},Flat"
    index = faiss.index_factory(dim, codes, metric)
    faiss.extract_index_ivf(index).cp.min_points_per_centroid = 1
    index.train(vectors)
    index.add(vectors)
    searches: dict[str, Search] = {}
    for probes in sorted({min(probes, lists) for probes in PROBES}):
        settings = faiss.SearchParametersIVF(nprobe=probes)
        if not coded:
            searches[f"nprobe {probes}"] = partial(_ask_faiss, index, k, settings)
            continue
        for width in WIDTHS:
            refined = faiss.IndexRefineSearchParameters(k_factor=width, base_index_params=settings)
            searches[f"nprobe {probes}, k_factor {width}"] = partial(_ask_faiss, index, k, refined)
    return searches


def _ask_faiss(index: Any, k: int, settings: Any, query: Vectors) -> NDArray[Any]:
    found: NDArray[Any] = index.search(query[None], k, params=settings)[1][0]
    return found


def _faiss_metric(faiss: Any, l2: bool) -> Any:
    return faiss.METRIC_L2 if l2 else faiss.METRIC_INNER_PRODUCT


def _hnswlib(vectors: Vectors, l2: bool, k: int) -> dict[str, Search]:
    index = importlib.import_module("hnswlib").Index("l2" if l2 else "ip", vectors.shape[1])
    index.init_index(len(vectors), M=16, ef_construction=200)
    index.add_items(vectors, num_threads=1)

    def ask(beam: int, query: Vectors) -> NDArray[Any]:
        index.set_ef(beam)
        found: NDArray[Any] = index.knn_query(query, k, num_threads=1)[0][0]
        return found

    return {f"ef {beam}": partial(ask, beam) for beam in _beams(k)}


def _usearch(vectors: Vectors, l2: bool, k: int) -> dict[str, Search]:
    index = importlib.import_module("usearch.index").Index(
        ndim=vectors.shape[1],
        metric="l2sq" if l2 else "ip",
        dtype="f16",
        connectivity=16,
        expansion_add=128,
        enable_key_lookups=False,
    )
    index.add(np.arange(len(vectors)), vectors, threads=1)

    def ask(beam: int, query: Vectors) -> NDArray[Any]:
        index.expansion_search = beam
        found: NDArray[Any] = index.search(query, k, threads=1).keys
        return found

    return {f"expansion {beam}": partial(ask, beam) for beam in _beams(k)}


def _scann(vectors: Vectors, l2: bool, k: int) -> dict[str, Search]:
    leaves = max(1, min(2000, round(len(vectors) ** 0.5)))
    pybind = importlib.import_module("scann").scann_ops_pybind
    builder = pybind.builder(vectors, k, "squared_l2" if l2 else "dot_product")
    builder = builder.set_n_training_threads(1).tree(
        leaves, min(100, leaves), training_sample_size=min(250_000, len(vectors))
    )
    threshold = {} if l2 else {"anisotropic_quantization_threshold": 0.2}
    index = builder.score_ah(2, **threshold).reorder(max(1000, 10 * k)).build()

    def ask(probes: int, width: int, query: Vectors) -> NDArray[Any]:
        found: NDArray[Any] = index.search(query, k, k * width, probes)[0]
        return found

    return {
        f"{probes} leaves, {width} times k reordered": partial(ask, probes, width)
        for probes in sorted({min(probes, leaves) for probes in PROBES})
        for width in WIDTHS
    }


def _beams(k: int) -> list[int]:
    return sorted({max(beam, k) for beam in (*BEAMS, 2 * k, 4 * k)})


PEERS = (
    Peer("faiss-hnsw", "faiss", _faiss_graph, GRAPH),
    Peer("faiss-ivf", "faiss", _faiss_lists, LISTS),
    Peer("hnswlib", "hnswlib", _hnswlib, GRAPH),
    Peer("usearch", "usearch", _usearch, GRAPH),
    Peer("scann", "scann", _scann, SAMPLED),
)
