"""An index of FAISS from bytes: bounded while it is read, and compared with what it should be.

FAISS takes many a corrupt file for a good one and allocates what it says; of a changed code only
the hash of a bundle knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.vectors import Metric
from edgerec.errors import BundleCorruptError, MissingDependency
from edgerec.machine.fork import PerProcess
from edgerec.retrieval.factory import Factory
from edgerec.retrieval.faiss import import_faiss, one_thread
from edgerec.retrieval.faiss_training import behind_rotation, empty

__all__ = ["read"]

SAID = (
    *("d", "metric_type", "nlist", "code_size", "by_residual", "bbs", "M2", "qb", "centered"),
    *("implem", "skip", "qbs", "qbs2", "max_codes"),  # how to search, which a file says too
    *("search_type", "encode_signs", "polysemous_ht"),
)
_READING = PerProcess(threading.Lock, name="the lock of FAISS' limits")


def read(
    data: NDArray[np.uint8], factory: Factory, rows: int, dim: int, metric: Metric, part: str
) -> Any:
    """Return the index that ``data``, (n,) uint8, holds.

    Raises
    ------
    BundleCorruptError
        FAISS cannot read the bytes, or they are not what the factory, the rows, the dimensions
        and the metric say. The message names ``part``.
    """
    faiss = import_faiss()
    with one_thread(faiss):
        with _limits(faiss, data.size + _table_bytes(factory), max(rows, 1 << 16)):
            try:
                index = faiss.deserialize_index(np.ascontiguousarray(data, np.uint8))
            except (RuntimeError, MemoryError) as error:
                raise BundleCorruptError(f"{part}: FAISS cannot read it: {error}") from error
        wanted = _described(faiss, empty(faiss, factory, dim, metric))
    found = _described(faiss, index)
    if found != wanted or index.ntotal != rows or not index.is_trained:
        raise BundleCorruptError(
            f"{part}: wanted {factory} of {rows} rows, which is {wanted}, got {found} of "
            f"{index.ntotal} rows"
        )
    _check_places(faiss, behind_rotation(faiss, index), rows, part)
    return index


def _table_bytes(factory: Factory) -> int:
    """Return the bytes of a table that FAISS computes for a product quantiser in lists."""
    return 4 * (factory.lists or 0) * factory.parts * max(factory.centroids, 256)


def _described(faiss: Any, index: Any) -> dict[str, Any]:
    """Return all that a factory string says of an index, but for its rows."""
    owner, index = index, faiss.downcast_index(index)  # an owner that goes takes all with it
    said: dict[str, Any] = {"type": type(index).__name__.removesuffix("IP").removesuffix("L2")}
    said |= {name: getattr(index, name, None) for name in SAID}
    if hasattr(index, "sq"):
        said["sq"] = index.sq.qtype
    if hasattr(index, "pq"):
        said["pq"] = index.pq.M, index.pq.nbits
    if hasattr(index, "rabitq"):
        said["rabitq"] = index.rabitq.nb_bits
    if hasattr(index, "hnsw"):
        said["hnsw"] = index.hnsw.nb_neighbors(0), index.hnsw.nb_neighbors(1)
        said["storage"] = _described(faiss, index.storage)
    if hasattr(index, "quantizer"):
        said["quantizer"] = _described(faiss, index.quantizer)
    if hasattr(index, "chain"):
        turns = [index.chain.at(place) for place in range(index.chain.size())]
        said["chain"] = [(turn.d_in, turn.d_out) for turn in turns]
        said["index"] = _described(faiss, index.index)
    del owner
    return said


def _check_places(faiss: Any, base: Any, rows: int, part: str) -> None:
    """Raise BundleCorruptError unless ids and links lead to rows, and each row is there once."""
    if hasattr(base, "quantizer"):
        coarse = faiss.downcast_index(base.quantizer)
        if coarse.ntotal != base.nlist:
            raise BundleCorruptError(f"{part}: {base.nlist} lists of {coarse.ntotal} centroids")
        if hasattr(coarse, "hnsw"):
            _check_graph(faiss, coarse, part)
        sizes = [base.invlists.list_size(place) for place in range(base.nlist)]
        ids = [
            faiss.rev_swig_ptr(base.invlists.get_ids(place), size)
            for place, size in enumerate(sizes)
            if size
        ]
        listed = np.concatenate(ids) if ids else np.empty(0, np.int64)
        if listed.size != rows or not np.array_equal(np.sort(listed), np.arange(rows)):
            raise BundleCorruptError(f"{part}: the lists do not hold each of {rows} rows once")
    if hasattr(base, "hnsw"):
        _check_graph(faiss, base, part)


def _check_graph(faiss: Any, index: Any, part: str) -> None:
    graph, rows = index.hnsw, index.ntotal
    links = faiss.vector_to_array(graph.neighbors)
    starts = faiss.vector_to_array(graph.offsets)
    ascend = starts.size == rows + 1 and np.all(np.diff(starts.astype(np.int64)) >= 0)
    inside = not links.size or (links.min() >= -1 and links.max() < rows)
    if not ascend or starts[-1] != links.size or not inside or not 0 <= graph.entry_point < rows:
        raise BundleCorruptError(f"{part}: links of the graph lead out of its {rows} rows")
    if faiss.downcast_index(index.storage).ntotal != rows:
        raise BundleCorruptError(f"{part}: the graph has other rows than its storage")


@contextmanager
def _limits(faiss: Any, size_bytes: int, loops: int) -> Iterator[None]:
    """Bound what FAISS' reader allocates, for all threads of the process."""
    if not hasattr(faiss, "set_deserialization_vector_byte_limit"):
        raise MissingDependency('reading an index wants pip install "faiss-cpu>=1.15"')
    with _READING.get():
        size, loop = (
            faiss.get_deserialization_vector_byte_limit(),
            faiss.get_deserialization_loop_limit(),
        )
        faiss.set_deserialization_vector_byte_limit(size_bytes + 1)
        faiss.set_deserialization_loop_limit(loops)
        try:
            yield
        finally:
            faiss.set_deserialization_vector_byte_limit(size)
            faiss.set_deserialization_loop_limit(loop)
