"""Build the peers' indexes, each in a process of its own, on one thread, and keep them.

    python -m bench.retrieval.building                                   # all that is missing
    python -m bench.retrieval.building --set clustered --peer hnswlib

An index is kept by what it depends on: the items, the peer's settings and its version.  Its build
time is the CPU time of training and filling alone, so that a shared machine does not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from importlib import metadata

import bench.one_thread  # noqa: F401 - before anything loads BLAS
from bench.retrieval import sets
from bench.retrieval.cache import Entry, entry
from bench.retrieval.peer import Peer
from bench.retrieval.peers import PEERS
from bench.sequences import DataAbsent

__all__ = ["index_of", "suited"]


def index_of(data: sets.DataSet, peer: Peer) -> Entry:
    """Return where the peer's index of these items is kept, built or not."""
    version = metadata.version(peer.package)
    content = [data.key, peer.name, dict(peer.settings), peer.package, version]
    return entry(f"indexes/{data.name}", peer.name, content)


def suited(data: sets.DataSet) -> dict[str, Peer]:
    """Return the peers that can be asked for these items."""
    return {name: peer for name, peer in PEERS.items() if data.unit or not peer.unit}


def build(data: sets.DataSet, peer: Peer) -> None:
    """Build in this process, unless it was done."""
    place = index_of(data, peer)
    with place.made() as folder:
        if folder is None:
            return
        items = data.read()
        wall, cpu = time.perf_counter(), time.process_time()
        save = peer.build(items, **peer.settings)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        save(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*"))
        place.finish(
            {
                "set": data.name,
                "peer": peer.name,
                "settings": dict(peer.settings),
                "version": metadata.version(peer.package),
                "items": len(items),
                "build_cpu_s": round(cpu, 1),
                "build_wall_s": round(wall, 1),
                "bytes_an_item": round(size / len(items), 1),
            }
        )


def build_all(names: list[str], peers: list[str]) -> int:
    """Build what is missing, one process after another; return how many failed."""
    failed = 0
    for name in names:
        try:
            data = sets.load(name)
        except DataAbsent as absent:
            print(f"{name}: {absent}", file=sys.stderr)
            continue
        for peer in (peer for peer in peers if peer in suited(data)):
            place = index_of(data, PEERS[peer])
            if not place.finished:
                command = [sys.executable, "-m", __spec__.name, "--here", "--set", name]
                failed += subprocess.run([*command, "--peer", peer], check=False).returncode != 0
            outcome = place.record if place.finished else "failed"
            print(f"{name} {peer}: {outcome}", flush=True)
    return failed


def main() -> int:
    """Build all, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", choices=sets.NAMES, action="append", dest="names")
    parser.add_argument("--peer", choices=PEERS, action="append", dest="peers")
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    names, peers = options.names or list(sets.NAMES), options.peers or list(PEERS)
    if not options.here:
        return build_all(names, peers)
    for name in names:
        for peer in peers:
            build(sets.load(name), PEERS[peer])
    return 0


if __name__ == "__main__":
    sys.exit(main())
