"""Every peer that an index is measured beside on the spot."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from edgerec.errors import InvalidInput, MissingDependency
from edgerec.retrieval.peers.faiss import FaissSearcher, build_faiss
from edgerec.retrieval.peers.hnswlib import HnswlibSearcher, build_hnswlib
from edgerec.retrieval.peers.peer import Peer
from edgerec.retrieval.peers.scann import ScannSearcher, build_scann
from edgerec.retrieval.peers.searcher import Vectors
from edgerec.retrieval.peers.usearch import UsearchSearcher, build_usearch
from edgerec.retrieval.peers.zvec import ZvecSearcher, write_zvec

__all__ = ["PEERS", "peers_named"]

BEAMS = (16, 32, 64, 128, 256, 512, 1024)
PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
GRAPH, LISTS, SAMPLED = 1.1, 1.25, 1.1  # n log n; lists that are more; trained on a part
LEAST_CODED = 10_000  # rows that are enough to train codes


def peers_named(against: str | None) -> list[Peer]:
    """Return the peers of a list such as ``faiss,hnswlib``; every peer without one.

    Raises
    ------
    InvalidInput
        There is no such peer.
    MissingDependency
        It was asked for and is not installed.
    """
    if against is None:
        return list(PEERS)
    chosen: list[Peer] = []
    for name in filter(None, (part.strip() for part in against.split(","))):
        found = [peer for peer in PEERS if name in (peer.name, peer.package)]
        if not found:
            known = ", ".join(dict.fromkeys(peer.package for peer in PEERS))
            raise InvalidInput(f"no peer {name!r}: give some of {known}, or '' for none")
        if not found[0].installed:
            raise MissingDependency(f"{name} cannot be imported: pip install {name}")
        chosen += found
    return list(dict.fromkeys(chosen))


def _beams(k: int, _most: int) -> list[int]:
    return sorted({max(beam, k) for beam in (*BEAMS, 2 * k, 4 * k)})


def _beams_up_to(k: int, most: int) -> list[int]:
    return [beam for beam in _beams(k, most) if beam <= most]


def _probes(_k: int, most: int) -> list[int]:
    return sorted({min(probes, most) for probes in PROBES})


def _faiss_graph(vectors: Vectors, l2: bool) -> FaissSearcher:
    return FaissSearcher(build_faiss(vectors, factory="HNSW32", l2=l2, construction=200))


def _faiss_lists(vectors: Vectors, l2: bool) -> FaissSearcher:
    """Lists of 4-bit codes, re-ranked by the vectors; of the vectors where there are too few."""
    rows, dim = vectors.shape
    lists = max(1, min(4096, round(4 * rows**0.5), rows // 39))
    coded = dim % 2 == 0 and rows >= LEAST_CODED
    codes = f"PQ{dim // 2}x4fs,RFlat" if coded else "Flat"
    return FaissSearcher(build_faiss(vectors, factory=f"IVF{lists},{codes}", l2=l2, sample=256))


def _hnswlib(vectors: Vectors, l2: bool) -> HnswlibSearcher:
    return HnswlibSearcher(build_hnswlib(vectors, links=16, construction=200, l2=l2))


def _usearch(vectors: Vectors, l2: bool) -> UsearchSearcher:
    return UsearchSearcher(build_usearch(vectors, dtype="f16", links=16, construction=128, l2=l2))


def _scann(vectors: Vectors, l2: bool) -> ScannSearcher:
    return ScannSearcher(build_scann(vectors, l2=l2), len(vectors))


def _zvec(vectors: Vectors, l2: bool) -> ZvecSearcher:
    """Its collections are folders: this one goes with the searcher."""
    folder = Path(tempfile.mkdtemp())
    write_zvec(vectors, folder / "collection", links=32, construction=200, l2=l2)
    searcher = ZvecSearcher(folder / "collection", len(vectors))
    weakref.finalize(searcher, shutil.rmtree, folder)
    return searcher


PEERS = (
    Peer("faiss-hnsw", "faiss", _faiss_graph, GRAPH, _beams, "efSearch {effort}"),
    Peer(
        "faiss-ivf",
        "faiss",
        _faiss_lists,
        LISTS,
        _probes,
        "nprobe {effort}",
        widths=(4, 16),
        wide=", k_factor {width}",
    ),
    Peer("hnswlib", "hnswlib", _hnswlib, GRAPH, _beams, "ef {effort}"),
    Peer("usearch", "usearch", _usearch, GRAPH, _beams, "expansion {effort}"),
    Peer(
        "scann",
        "scann",
        _scann,
        SAMPLED,
        _probes,
        "{effort} leaves",
        widths=(4, 16),
        wide=", {width} times k reordered",
    ),
    Peer(
        "zvec",
        "zvec",
        _zvec,
        GRAPH,
        _beams_up_to,
        "ef {effort}",
        widths=(1, 4),
        wide=", {width} times k refined",
    ),
)
