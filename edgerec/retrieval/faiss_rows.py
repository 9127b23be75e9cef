"""Rows in an index of FAISS, by factory string: searched, and kept as bytes.

What FAISS gets is checked first: it aborts the process on an absurd k and answers NaN with
nonsense.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog.bitmaps import Bitmap
from edgerec.catalog.vectors import Metric, Segment
from edgerec.retrieval.factory import Factory
from edgerec.retrieval.faiss import import_faiss, one_thread
from edgerec.retrieval.faiss_bytes import read
from edgerec.retrieval.faiss_training import behind_rotation, trained

__all__ = ["FaissRows"]


class FaissRows:
    """An index in FAISS' memory over the first rows of a catalogue; :meth:`of` makes one.

    Any number of threads may search it. It has no threads and no locks, so a forked child goes on
    using the parent's pages.

    Attributes
    ----------
    factory : Factory
        With its number of lists.
    metric : Metric
    rows, dim : int
    """

    def __init__(self, index: Any, factory: Factory, metric: Metric) -> None:
        self.factory = factory
        self.metric = metric
        self.rows, self.dim = int(index.ntotal), int(index.d)
        self._faiss = import_faiss()
        self._index = index

    @classmethod
    def of(
        cls, segment: Segment, factory: Factory | str, *, metric: Metric = "inner", seed: int = 0
    ) -> FaissRows:
        """Train an index on a sample of the segment's rows and add all of them.

        Raises
        ------
        InvalidInput
            The factory string is not allowed, or does not suit the rows and their dimensions.
        ValueRangeError
            Codes in float16 of vectors beyond ±65504.
        """
        rows, dim = segment.codes.shape
        parsed = Factory.parse(factory) if isinstance(factory, str) else factory
        parsed = parsed.suiting(rows, dim)
        index = trained(segment, parsed, metric, seed)
        return cls(index, parsed, metric)

    @property
    def nbytes(self) -> int:
        """Bytes of a row's codes, ids and links, times the rows."""
        base, factory = behind_rotation(self._faiss, self._index), self.factory
        storage = self._faiss.downcast_index(base.storage) if factory.links else base
        row = getattr(storage, "code_size", 4 * self.dim)
        row += 8 * (factory.lists is not None) + 8 * (factory.links or 0)
        return int(row) * self.rows

    def most_effort(self) -> int:
        """Return the number beyond which more effort finds no more."""
        return self.factory.lists or (self.rows if self.factory.links else 1)

    def looked_at(self, effort: int) -> int:
        """Return about how many rows a search with this effort looks at."""
        if self.factory.lists is not None:
            return -(-self.rows * min(effort, self.factory.lists) // self.factory.lists)
        return min(self.rows, 2 * (self.factory.links or self.rows) * effort)

    def nearest(
        self, query: NDArray[np.float32], count: int, effort: int, eligible: Bitmap | None = None
    ) -> NDArray[np.int32]:
        """Return at most ``count`` rows near a checked query, in no particular order.

        ``effort`` is the number of lists looked into, or the length of the beam in a graph; a scan
        of codes needs none. ``eligible`` may be given where the factory ``selects``.
        """
        faiss = self._faiss
        selector = None if eligible is None else faiss.IDSelectorBitmap(eligible)
        x = query.reshape(1, -1)
        with one_thread(faiss):
            parameters = self._parameters(count, effort, selector)
            found = self._index.search(x, min(count, self.rows), params=parameters)[1][0]
        rows: NDArray[np.int32] = found[(found >= 0) & (found < self.rows)].astype(np.int32)
        return rows

    def to_bytes(self) -> NDArray[np.uint8]:
        """Return the index as FAISS writes it, (n,) uint8."""
        data: NDArray[np.uint8] = self._faiss.serialize_index(self._index)
        return data

    @classmethod
    def from_bytes(
        cls,
        data: NDArray[np.uint8],
        factory: Factory | str,
        *,
        rows: int,
        dim: int,
        metric: Metric,
        part: str = "index",
    ) -> FaissRows:
        """Read what :meth:`to_bytes` returned, whose hash has been checked.

        FAISS takes many a corrupt file for a good one: only the hash reveals changed codes.

        Raises
        ------
        BundleCorruptError
            FAISS cannot read the bytes, or they are not what the factory, the rows, the
            dimensions and the metric say. The message names ``part``.
        """
        parsed = Factory.parse(factory) if isinstance(factory, str) else factory
        parsed = parsed.suiting(rows, dim)
        index = read(data, parsed, rows, dim, metric, part)
        return cls(index, parsed, metric)

    def _parameters(self, count: int, effort: int, selector: Any) -> Any:
        faiss, factory = self._faiss, self.factory
        given = {} if selector is None else {"sel": selector}
        inner = None
        if factory.lists is not None:
            probes = min(effort, factory.lists)
            if factory.coarse:
                given["quantizer_params"] = faiss.SearchParametersHNSW(efSearch=max(16, 2 * probes))
            inner = faiss.SearchParametersIVF(nprobe=probes, **given)
        elif factory.links:
            inner = faiss.SearchParametersHNSW(efSearch=max(effort, count), **given)
        elif given:
            inner = faiss.SearchParameters(**given)
        if inner is not None and (factory.rotation or factory.opq):
            outer = faiss.SearchParametersPreTransform(index_params=inner)
            outer.kept = inner, given  # FAISS holds bare pointers
            return outer
        if inner is not None:
            inner.kept = given
        return inner
