"""Search with FAISS: an inverted file proposes rows, the original vectors decide.

This module alone imports FAISS, and only when it is used. What FAISS gets is checked first: it
aborts the process on an absurd k and answers NaN with nonsense. It searches with one OpenMP thread,
since its threads do not survive a fork and a server has other requests for the other cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap, Eligible, section
from edgerec.errors import MissingDependency
from edgerec.machine.blas import limit_blas
from edgerec.machine.threads import thread_budget
from edgerec.retrieval.exact import ExactIndex, scanned
from edgerec.retrieval.faiss_lists import Lists
from edgerec.retrieval.index import (
    Hits,
    Queries,
    Query,
    check_eligible,
    check_k,
    check_queries,
    check_query,
    shortlist_size,
)
from edgerec.retrieval.rescoring import Rows, Segments, after, coded, rescored

__all__ = ["FaissIndex", "FaissLists", "kmeans", "train_lists"]

TRAINING_VECTORS = 64  # for each list; more does not place the centroids better
ITERATIONS = 8


class FaissLists:
    """An inverted file in FAISS' memory; safe to search from any number of threads.

    It has no threads and no locks, so a forked child goes on using the parent's pages.

    Parameters
    ----------
    lists : Lists
    """

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self._faiss = _import_faiss()
        with _one_thread(self._faiss):
            self._quantizer, self._index = _load(self._faiss, lists)

    @property
    def rows(self) -> int:
        """Number of rows: 0 to ``rows`` of the catalogue that was indexed."""
        return self.lists.rows.size

    def nearest(self, query: Query, count: int, probes: int, eligible: Bitmap | None) -> Rows:
        """Return at most ``count`` eligible rows of the ``probes`` lists nearest to the query.

        Arguments are not checked again: see :class:`FaissIndex`.
        """
        faiss = self._faiss
        parameters = faiss.SearchParametersIVF(nprobe=probes)
        if eligible is not None:
            eligible = np.ascontiguousarray(eligible)
            selector = faiss.IDSelectorBitmap(eligible)
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        with _one_thread(faiss):
            _, found = self._index.search(query.reshape(1, -1), count, params=parameters)
        rows: Rows = found[0][found[0] >= 0].astype(np.int32)
        return rows


@dataclass(frozen=True, slots=True)
class FaissIndex:
    """Searches the indexed rows through FAISS, and rows that were added later one by one.

    Where the probed lists do not hold enough eligible rows to choose from, the exact scan answers
    instead, so that k results come whenever k rows are eligible.

    Parameters
    ----------
    lists : FaissLists
        Of the first rows of the segments.
    segments : tuple of Segment
        Of one snapshot, in row order.
    probes : int
        How many lists are looked at; under a filter more, so that as many rows are compared.
    """

    lists: FaissLists
    segments: Segments
    probes: int
    kind: ClassVar[str] = "ivf"

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows; see :class:`edgerec.retrieval.index.Index`."""
        exact = ExactIndex(self.segments)
        k = check_k(k)
        query = check_query(query, self.segments[0].dim)
        check_eligible(eligible, exact.rows)
        wanted = shortlist_size(k)
        found = self._proposed(query, min(wanted, self.lists.rows), eligible)
        if found is None:
            return exact.search(query, k, eligible=eligible)
        newer = after(self.segments, self.lists.rows)
        if newer:
            found = np.concatenate([found, scanned(newer, coded(query), wanted, eligible)])
        return rescored(self.segments, "inner", query, found, k)

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return the best rows of each query; FAISS gains nothing from seeing them together."""
        queries = check_queries(queries, self.segments[0].dim)
        return [self.search(query, k, eligible=eligible) for query in queries]

    def _proposed(self, query: Query, wanted: int, eligible: Eligible | None) -> Rows | None:
        """Return ``wanted`` rows of those indexed, None if the probed lists hold fewer."""
        bitmap, probes = None, self.probes
        if eligible is not None and eligible.count < eligible.rows:
            if eligible.count < wanted:
                return None
            bitmap = section(eligible.bitmap, 0, self.lists.rows)
            probes = min(ceil(probes / eligible.selectivity), len(self.lists.lists))
        rows = self.lists.nearest(query, wanted, probes, bitmap)
        return rows if rows.size == wanted else None


def train_lists(
    vectors: NDArray[np.float32] | NDArray[np.float16], count: int, *, seed: int = 0
) -> Lists:
    """Sort vectors into lists around centroids that k-means finds.

    Parameters
    ----------
    vectors : (n, dim) float32 or float16, finite
    count : int in [1, n]
        Number of lists; about 4 √n serves well.
    seed : int
        Of the choice of the vectors that k-means sees.
    """
    faiss = _import_faiss()
    x = np.ascontiguousarray(vectors, np.float32)
    rng = np.random.default_rng(seed)
    sample = x[np.sort(rng.permutation(len(x))[: count * TRAINING_VECTORS])]
    with _one_thread(faiss):
        quantizer, index = _empty(faiss, x.shape[1], count)
        index.cp.niter = ITERATIONS
        index.cp.min_points_per_centroid = 1
        index.cp.seed = seed
        index.train(sample)
        index.add(x)
        return _lists(faiss, quantizer, index)


def kmeans(
    vectors: NDArray[np.float32], count: int, *, iterations: int = ITERATIONS, seed: int = 0
) -> NDArray[np.float32]:
    """Return the ``count`` centroids that k-means finds, (count, dim) float32.

    Parameters
    ----------
    vectors : (n, dim) float32, finite, n >= count
    """
    faiss = _import_faiss()
    training = faiss.Kmeans(
        vectors.shape[1],
        count,
        niter=iterations,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    with _one_thread(faiss):
        training.train(np.ascontiguousarray(vectors))
    centroids: NDArray[np.float32] = training.centroids
    return centroids


def _empty(faiss: Any, dim: int, count: int) -> tuple[Any, Any]:
    """Return an untrained index and its quantiser, which must be kept alive beside it."""
    quantizer = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dim, count, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    return quantizer, index


def _load(faiss: Any, lists: Lists) -> tuple[Any, Any]:
    quantizer, index = _empty(faiss, lists.dim, len(lists))
    quantizer.add(np.ascontiguousarray(lists.centroids))
    faiss.copy_array_to_vector(np.ascontiguousarray(lists.ranges.ravel()), index.sq.trained)
    index.is_trained = True
    rows = lists.rows.astype(np.int64)
    for place, (start, stop) in enumerate(
        zip(lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True)
    ):
        if start < stop:
            codes = np.ascontiguousarray(lists.codes[start:stop])
            index.invlists.add_entries(
                place, stop - start, faiss.swig_ptr(rows[start:stop]), faiss.swig_ptr(codes)
            )
    index.ntotal = rows.size
    return quantizer, index


def _lists(faiss: Any, quantizer: Any, index: Any) -> Lists:
    inverted, dim = index.invlists, index.d
    sizes = [inverted.list_size(place) for place in range(index.nlist)]
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    rows = np.empty(offsets[-1], np.int32)
    codes = np.empty((rows.size, dim), np.uint8)
    for place, size in enumerate(sizes):
        if size:
            part = slice(offsets[place], offsets[place + 1])
            rows[part] = faiss.rev_swig_ptr(inverted.get_ids(place), size)
            codes[part] = faiss.rev_swig_ptr(inverted.get_codes(place), size * dim).reshape(-1, dim)
    centroids = quantizer.reconstruct_n(0, index.nlist)
    ranges = faiss.vector_to_array(index.sq.trained).reshape(2, dim)
    return Lists(centroids, offsets, rows, codes, ranges)


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """Give FAISS one OpenMP thread; the setting is the calling thread's own, and is put back."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingDependency(
            'FAISS cannot be imported; pip install "faiss-cpu>=1.10"'
        ) from error
    limit_blas(thread_budget().threads)  # it brings a BLAS of its own
    return faiss
