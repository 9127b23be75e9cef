"""zvec: a graph over int8 codes in contiguous memory, its refiner over float32.

It asks one query at a time; its batches are the same, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgerec.retrieval.peers.searcher import Ask, Knobs, Rows, Vectors

__all__ = ["ZvecSearcher", "write_zvec"]

FIELD, BLOCK = "vector", 1000
MOST_EFFORT = 2048  # longer beams are refused
REFINED = (1, 2, 4)


def _one_thread() -> Any:
    """Import zvec, bound to one thread the first time."""
    import zvec

    with suppress(RuntimeError):  # it refuses to be bound twice
        zvec.init(log_level=zvec.LogLevel.ERROR, query_threads=1, optimize_threads=1)
    return zvec


def write_zvec(
    vectors: Vectors, folder: Path, *, links: int, construction: int, l2: bool = False
) -> None:
    """Insert every vector, then build the graph, in a ``folder`` that is not there yet."""
    zvec = _one_thread()
    kept = zvec.HnswIndexParam(
        metric_type=zvec.MetricType.L2 if l2 else zvec.MetricType.IP,
        m=links,
        ef_construction=construction,
        quantize_type=zvec.QuantizeType.INT8,
        use_contiguous_memory=True,
        use_flat_contiguous_memory=True,
    )
    dtype = zvec.DataType.VECTOR_FP32
    field = zvec.VectorSchema(FIELD, dtype, vectors.shape[1], index_param=kept)
    schema = zvec.CollectionSchema(name="bench", fields=[], vectors=[field])
    collection = zvec.create_and_open(str(folder), schema)
    for documents in _documents(zvec, vectors):
        collection.insert(documents)
    collection.optimize(zvec.OptimizeOption(concurrency=1))
    collection.flush()
    collection.close()


def _documents(zvec: Any, vectors: Vectors) -> Iterator[list[Any]]:
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        yield [zvec.Doc(id=str(start + i), vectors={FIELD: x}) for i, x in enumerate(block)]


class ZvecSearcher:
    """The graph of ``rows`` vectors, read into memory; its internal numbers are looked up once."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.zvec = _one_thread()
        options = self.zvec.CollectionOption(read_only=True, enable_mmap=False)
        self.collection = self.zvec.open(str(folder), options)
        known = self.collection.resolve_internal_ids(np.arange(rows))
        self.rows = np.array(known, np.int64)
        self.knobs = Knobs(MOST_EFFORT, REFINED)

    def at(self, effort: int, width: int, k: int) -> Ask:
        """Set the beam, at least k, and how many times k the refiner sees; 1 leaves it out."""
        refined = {"is_using_refiner": True, "scale_factor": float(width)} if width > 1 else {}
        ask = partial(
            self.zvec.Query, FIELD, param=self.zvec.HnswQueryParam(max(effort, k), **refined)
        )
        search, rows = self.collection.query_internal_ids, self.rows

        def one(x: Vectors) -> Rows:
            found: Rows = rows[search(ask(vector=x), topk=k)]
            return found

        def many(x: Vectors) -> Rows:
            return np.stack([one(query) for query in x])

        return Ask(one, many)
