"""What every index promises, and the checks that all of them make first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Eligible, size_bytes
from edgerec.catalog.vectors import LARGEST, Segment
from edgerec.errors import ShapeError, ValueRangeError

__all__ = [
    "MAX_FOUND",
    "MAX_K",
    "Hits",
    "Index",
    "Kind",
    "Queries",
    "Query",
    "check_k",
    "check_queries",
    "check_search",
    "check_search_many",
    "shortlist_size",
]

MAX_K = 10_000
MAX_FOUND = 30_000  # as many rows as one call of a kernel finds: a shortlist for MAX_K
SMALL = LARGEST**2 / 10  # where squares add up to no more, no number is beyond LARGEST
INTEGERS = (int, np.integer)
Kind = Literal["exact", "sketch", "lists", "faiss"]
Query = NDArray[np.float32]
Queries = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The best rows of one search.

    Parameters
    ----------
    rows : (m,) int32
        Best first.
    scores : (m,) float32
        By the vectors that the catalogue keeps, descending: inner products with the query,
        cosines, or squared distances negated, as its metric says. They are exact for the originals
        as kept, in float32 or float16; where none are kept, for what the int8 codes say of a
        vector. Equal scores are ordered by row, ascending.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return self.rows.size


class Index(Protocol):
    """Searches the rows of one snapshot; safe to use from any number of threads."""

    @property
    def kind(self) -> Kind:
        """Name of the method."""

    @property
    def indexed(self) -> tuple[int, int]:
        """Rows that it was made for, the first ones of a catalogue, and the length of a vector."""

    @property
    def hot_bytes(self) -> int:
        """Bytes that searches read, all but the original vectors of the last few rows."""

    def over(self, segments: tuple[Segment, ...], threads: int = 1) -> Index:
        """Return this index over the segments of another snapshot of the same generation.

        ``threads`` may share one call, as far as the process's budget allows.
        """

    def search(self, query: Query, k: int, *, eligible: Eligible | None = None) -> Hits:
        """Return the best rows.

        Parameters
        ----------
        query : (dim,) float32 in [-1e16, 1e16]
        k : int in [1, 10000]
        eligible : Eligible, optional
            The rows that may be returned; every row without it.

        Returns
        -------
        Hits
            ``min(k, eligible.count)`` rows, however few are eligible. Their scores are exact, see
            :class:`Hits`; an approximate index may miss a row that belongs there.

        Raises
        ------
        ShapeError
            The query has another length or dtype, or ``eligible`` is of another snapshot.
        ValueRangeError
            k is not an integer in [1, 10000], or the query holds NaN or a number
            beyond ±1e16.
        """

    def search_many(
        self, queries: Queries, k: int, *, eligible: Eligible | None = None
    ) -> list[Hits]:
        """Return what :meth:`search` returns for each of ``queries``, (n, dim) float32.

        Together they cost less than one by one. One filter holds for all of them.
        """


def check_search(
    query: object, k: object, eligible: Eligible | None, *, dim: int, rows: int
) -> tuple[Query, int]:
    """Return what a search of ``rows`` vectors of length ``dim`` was asked, checked.

    Returns
    -------
    query : (dim,) float32, contiguous
    k : int in [1, 10000]

    Raises
    ------
    ShapeError, ValueRangeError
        As :meth:`Index.search` says.
    """
    k = check_k(k)
    query = _check_query(query, dim)
    _check_eligible(eligible, rows)
    return query, k


def check_search_many(
    queries: object, k: object, eligible: Eligible | None, *, dim: int, rows: int
) -> tuple[Queries, int]:
    """Return what :func:`check_search` does, of queries (n, dim)."""
    k = check_k(k)
    queries = check_queries(queries, dim)
    _check_eligible(eligible, rows)
    return queries, k


def check_k(k: object) -> int:
    """Return ``k`` if a search can be asked for that many."""
    if isinstance(k, bool) or not isinstance(k, INTEGERS) or not 1 <= k <= MAX_K:
        raise ValueRangeError(f"k must be an integer from 1 to {MAX_K}, got {k!r}")
    return int(k)


def check_queries(queries: object, dim: int) -> Queries:
    """Return ``queries``, contiguous, if each can be compared with vectors of length ``dim``."""
    if (
        not isinstance(queries, np.ndarray)
        or queries.dtype != np.float32
        or queries.ndim != 2
        or queries.shape[1] != dim
    ):
        found = (
            f"{queries.dtype} of shape {queries.shape}"
            if isinstance(queries, np.ndarray)
            else type(queries).__name__
        )
        raise ShapeError(f"queries must be float32 of shape (n, {dim}), got {found}")
    within = (np.abs(queries) <= LARGEST).all(axis=1)
    if not within.all():
        raise ValueRangeError(
            f"queries must lie within ±{LARGEST:g}, got NaN or a number beyond in queries"
            f"[{int(within.argmin())}]"
        )
    return np.ascontiguousarray(queries)


def shortlist_size(k: int) -> int:
    """Return how many rows are found by their codes before what is kept decides among them."""
    return max(30, 3 * k)


def _check_query(query: object, dim: int) -> Query:
    """Return ``query``, contiguous, if it can be compared with vectors of length ``dim``."""
    if not isinstance(query, np.ndarray) or query.dtype != np.float32 or query.shape != (dim,):
        found = (
            f"{query.dtype} of shape {query.shape}"
            if isinstance(query, np.ndarray)
            else type(query).__name__
        )
        raise ShapeError(f"a query must be float32 of shape ({dim},), got {found}")
    # vdot is the quicker test, and unlike dot it does not warn of an overflow; NaN passes neither
    if not (np.vdot(query, query) <= SMALL or (np.abs(query) <= LARGEST).all()):
        raise ValueRangeError(f"a query must lie within ±{LARGEST:g}, got NaN or a number beyond")
    return np.ascontiguousarray(query)


def _check_eligible(eligible: Eligible | None, rows: int) -> None:
    """Raise ShapeError unless ``eligible`` speaks of ``rows`` rows."""
    if eligible is None:
        return
    if eligible.rows != rows or eligible.bitmap.shape != (size_bytes(rows),):
        raise ShapeError(
            f"the eligible rows must be of this snapshot, which has {rows}; "
            f"got a bitmap of {eligible.rows}"
        )
