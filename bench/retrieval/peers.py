"""Every peer of the approximate search, the quickest to build first."""

from __future__ import annotations

from importlib import metadata

from bench.retrieval import peers_faiss, peers_graph, peers_scann, peers_zvec
from bench.retrieval.peer import Peer

__all__ = ["PEERS", "versions"]

ORDER = (
    "faiss-ivf-pqfs",
    "faiss-ivf-pqfsr",
    "faiss-ivf-rabitqfs",
    "faiss-ivf-sq8",
    "scann",
    "zvec-i8",
    "faiss-hnsw32",
    "hnswlib",
    "faiss-hnsw64-sq8",
    "faiss-hnsw32-200",
    "usearch-f16",
    "usearch-i8",
)
_ALL = {
    p.name: p
    for p in (*peers_faiss.PEERS, *peers_graph.PEERS, *peers_scann.PEERS, *peers_zvec.PEERS)
}
PEERS: dict[str, Peer] = {name: _ALL[name] for name in ORDER}


def versions() -> dict[str, str]:
    """Name the packages that are measured."""
    packages = sorted({peer.package for peer in PEERS.values()} | {"numkong", "numpy", "torch"})
    return {package: metadata.version(package) for package in packages}
