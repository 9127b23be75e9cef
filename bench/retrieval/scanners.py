"""Ways to find the 100 rows of a table of int8 codes with the largest inner products, exactly.

All get the same numbers, the float ones as floats, so that all must give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.peer import Rows
from edgerec.kernels.scan import scan_int8, scan_int8_many
from edgerec.retrieval.peers.faiss import faiss_alone

__all__ = ["PEERS", "K", "Scan", "Table", "edgerec"]

K = 100
Codes = NDArray[np.int8]
Search = Callable[[Codes], Rows]
"""Queries (q, dim) int8 to rows (q, K), in any order."""


class Table:
    """Codes drawn evenly from [-127, 127], and the same as floats."""

    def __init__(self, n: int, dim: int, *, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.codes: Codes = rng.integers(-127, 128, (n, dim), dtype=np.int8)
        self.queries: Codes = rng.integers(-127, 128, (256, dim), dtype=np.int8)
        self.floats: NDArray[np.float32] = self.codes.astype(np.float32)

    def truth(self, queries: Codes) -> Rows:
        """The best rows of each query, (q, K)."""
        scores = queries.astype(np.float32) @ self.floats.T  # exact: below 2^24
        return np.argpartition(scores, -K, axis=1)[:, -K:]


@dataclass(frozen=True, slots=True)
class Scan:
    """One way to scan.

    Parameters
    ----------
    prepare : callable
        From the table to the search.
    int8 : bool
        It reads int8, so that it is the kind of peer that the first goal speaks of.
    least : float
        Recall that it must have; below 1 only where it rounds the codes again.
    """

    prepare: Callable[[Table], Search]
    int8: bool
    least: float = 0.999  # equal scores at the end may be chosen otherwise


def edgerec(table: Table) -> Search:
    """The fused scan, one query or many."""
    scales = np.full(len(table.codes), 0.01, np.float32)

    def search(queries: Codes) -> Rows:
        if len(queries) == 1:
            return scan_int8(queries[0], 0.01, table.codes, scales, K)[0][None]
        steps = np.full(len(queries), 0.01, np.float32)
        return scan_int8_many(queries, steps, table.codes, scales, K)[0]

    return search


def _faiss(kind: str) -> Callable[[Table], Search]:
    def prepare(table: Table) -> Search:
        faiss = faiss_alone()
        dim = table.codes.shape[1]
        if kind == "flat":
            index = faiss.IndexFlatIP(dim)
        else:
            qtype, metric = getattr(faiss.ScalarQuantizer, kind), faiss.METRIC_INNER_PRODUCT
            index = faiss.IndexScalarQuantizer(dim, qtype, metric)
        index.train(table.floats[:100_000])
        index.add(table.floats)
        return lambda queries: index.search(queries.astype(np.float32), K)[1]

    return prepare


def _scann(int8: bool) -> Callable[[Table], Search]:
    def prepare(table: Table) -> Search:
        import scann

        builder = scann.scann_ops_pybind.builder(table.floats, K, "dot_product")
        index = builder.set_n_training_threads(1).score_brute_force(int8).build()

        def search(queries: Codes) -> Rows:
            asked = queries.astype(np.float32)
            one = len(asked) == 1
            found = index.search(asked[0], K) if one else index.search_batched(asked, K)
            return np.atleast_2d(found[0])

        return search

    return prepare


def _numkong(table: Table) -> Search:
    """Exact products in int32, then NumPy's selection: it has none of its own."""
    import numkong

    packed = numkong.dots_pack(table.codes)
    out: dict[int, Any] = {}

    def search(queries: Codes) -> Rows:
        q = len(queries)
        scores = out.setdefault(q, numkong.zeros((q, len(table.codes)), dtype="int32"))
        numkong.dots_packed(queries, packed, out=scores)
        return _partition(np.asarray(scores))

    return search


def _numpy(table: Table) -> Search:
    out: dict[int, NDArray[np.float32]] = {}

    def search(queries: Codes) -> Rows:
        scores = out.setdefault(
            len(queries), np.empty((len(queries), len(table.codes)), np.float32)
        )
        np.dot(queries.astype(np.float32), table.floats.T, out=scores)
        return _partition(scores)

    return search


def _partition(scores: NDArray[Any]) -> Rows:
    return np.stack([np.argpartition(row, -K)[-K:] for row in scores])


def _torch(int8: bool) -> Callable[[Table], Search]:
    def prepare(table: Table) -> Search:
        import torch

        torch.set_num_threads(1)
        rows = torch.from_numpy(table.codes if int8 else table.floats).T

        def search(queries: Codes) -> Rows:
            q = len(queries)
            if int8:
                padded = torch.from_numpy(np.resize(queries, (max(q, 17), queries.shape[1])))
                scores = torch._int_mm(padded, rows)[:q]  # noqa: SLF001, the only one there is
            else:
                scores = torch.from_numpy(queries.astype(np.float32)) @ rows
            return torch.topk(scores, K).indices.numpy()

        return search

    return prepare


def _usearch(table: Table) -> Search:
    from usearch.index import search as exact

    def search(queries: Codes) -> Rows:
        found = exact(table.codes, queries, K, "ip", exact=True, threads=1)
        keys: Rows = np.atleast_2d(found.keys)
        return keys

    return search


PEERS = {
    "faiss QT_8bit_direct_signed": Scan(_faiss("QT_8bit_direct_signed"), int8=True),
    "faiss QT_8bit": Scan(_faiss("QT_8bit"), int8=True, least=0.95),
    "faiss FlatIP": Scan(_faiss("flat"), int8=False),
    "scann int8": Scan(_scann(int8=True), int8=True, least=0.95),
    "scann float32": Scan(_scann(int8=False), int8=False),
    "numkong int8": Scan(_numkong, int8=True),
    "numpy float32": Scan(_numpy, int8=False),
    "torch float32": Scan(_torch(int8=False), int8=False),
    "torch int8": Scan(_torch(int8=True), int8=True),
    "usearch int8": Scan(_usearch, int8=True),
}


def prepared(table: Table) -> Iterator[tuple[str, Search]]:
    """Prepare every contender; the table is shared where a library lets it be."""
    yield "edgerec", edgerec(table)
    for name, peer in PEERS.items():
        yield name, peer.prepare(table)
