"""An index of vectors, opened in a process: searched and changed by vectors, without models."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle, open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.vectors import Metric
from edgerec.engine.indexing import INDEX_KIND, items_of
from edgerec.engine.tables import Prefault, bring_in, check_prefault, memory_info
from edgerec.errors import BundleError, EngineClosed, InvalidInput, ShapeError
from edgerec.machine.threads import thread_budget
from edgerec.retrieval.index import Hits
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.upkeep import Upkeep
from edgerec.values.results import Change, Results
from edgerec.values.where import Where, parse_where

__all__ = ["VectorIndex", "open_index"]

Numbers = NDArray[Any] | Sequence[Any]


def open_index(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    upkeep: bool = True,
    prefault: Prefault = "none",
) -> VectorIndex:
    """Open an index that ``edgerec index`` or :func:`edgerec.build_index` wrote.

    The index of a shop's bundle opens too: it is searched by vectors then, without the models.

    Parameters
    ----------
    path : path
        A bundle's directory; every hash is checked first.
    threads : int >= 1, optional
        The process's thread budget, if it has none yet; without it, the cores that the process
        may use.
    upkeep : bool
        Compact in the background when changes have worn the index; see
        :meth:`VectorIndex.compact`.
    prefault : {"none", "hot", "all"}
        Tables to have in memory before the first search; see :func:`edgerec.open`.

    Raises
    ------
    InvalidInput
        ``threads`` or ``prefault`` is none of these.
    BundleNotFound, BundleVersionError, BundleCorruptError
        There is no bundle, or it cannot be used.
    """
    prefault = check_prefault(prefault)
    bundle = open_bundle(path)
    try:
        if "catalog" not in bundle.manifest.sections:
            raise BundleError(f"{bundle.path} holds no index: make one with `edgerec index`")
        budget = thread_budget(threads).threads
        catalog = Catalog.read(bundle)
        retriever = Retriever.read(bundle, catalog, threads=budget)
        bring_in(bundle, prefault)
    except BaseException:
        bundle.close()
        raise
    return VectorIndex(bundle, retriever, threads=budget, upkeep=upkeep, prefault=prefault)


class VectorIndex:
    """Items found by their vectors. Thread-safe and fork-safe; a context manager.

    Made by :func:`edgerec.open_index`. Changes are seen by the next search; they stay in this
    process until :meth:`save`.
    """

    def __init__(
        self,
        bundle: Bundle,
        retriever: Retriever,
        *,
        threads: int,
        upkeep: bool,
        prefault: Prefault,
    ) -> None:
        self._bundle = bundle
        self._retriever = retriever
        self._threads = threads
        self._upkeep = Upkeep(retriever)
        self._tended = upkeep
        self._prefault = prefault
        self._closed = False

    def __len__(self) -> int:
        """Return the number of items."""
        return self._now().live

    @property
    def version(self) -> str:
        """Digest of the bundle."""
        return self._bundle.version

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._now().dim

    @property
    def metric(self) -> Metric:
        """What orders the items of a search."""
        return self._now().metric

    def search(self, query: Numbers, /, *, k: int = 10, where: Where | None = None) -> Results:
        """Items nearest to one query.

        Parameters
        ----------
        query : (dim,) array of numbers
        k : int in [1, 10000]
            Fewer come back where fewer are eligible.
        where : mapping, optional
            A filter, see :mod:`edgerec.values.where`.

        Returns
        -------
        Results
            Scores are inner products, cosines, or squared distances negated, as the metric says.

        Raises
        ------
        ShapeError, ValueRangeError
            A query of another length, or with NaN or a number beyond ±1e16; k out of range.
        InvalidInput, UnknownAttribute
            The filter cannot be used.
        """
        snapshot, numbers = self._now(), _floats(query, "a query")
        start = time.perf_counter_ns()
        eligible = snapshot.eligible(parse_where(where))
        hits = self._retriever.search(snapshot, numbers, k, eligible=eligible)
        return self._results(snapshot, hits, (time.perf_counter_ns() - start) / 1000)

    def search_many(
        self, queries: Numbers, /, *, k: int = 10, where: Where | None = None
    ) -> list[Results]:
        """Items nearest to each of many queries, (n, dim); together they cost less.

        Arguments and errors are those of :meth:`search`. One filter holds for all, and each
        result says its share of the time of all.
        """
        snapshot, numbers = self._now(), _floats(queries, "queries")
        start = time.perf_counter_ns()
        eligible = snapshot.eligible(parse_where(where))
        found = self._retriever.search_many(snapshot, numbers, k, eligible=eligible)
        us = (time.perf_counter_ns() - start) / 1000 / max(1, len(found))
        return [self._results(snapshot, hits, us) for hits in found]

    def upsert(self, ids: Sequence[str], vectors: Numbers, /, **attributes: Any) -> Change:
        """Add items, or replace those whose ids are there; the next search sees them.

        Parameters
        ----------
        ids : sequence of n str
        vectors : (n, dim) array of numbers
        **attributes : sequence or array of n values
            Every attribute of the index, such as ``price=[9.99, 12.5]``.

        Raises
        ------
        InvalidInput
            An id, a vector or an attribute cannot be used; then nothing changes.
        """
        snapshot = self._now()
        items = items_of(ids, attributes, snapshot.schema)
        rows = _floats(vectors, "vectors")
        return self._tend(Change(self._retriever.catalog.upsert(items, rows)))

    def update(self, item: str, /, **attributes: Any) -> Change:
        """Change attributes of one item; its vector stays.

        Raises
        ------
        InvalidInput
            There is no such item, or a value cannot be used.
        UnknownAttribute
            The index does not have it.
        """
        self._now()
        return Change(self._retriever.catalog.update(item, **attributes))

    def update_many(self, ids: Sequence[str], /, **columns: Any) -> Change:
        """Change attributes of many items at once; ids that are not there are counted.

        Raises
        ------
        InvalidInput, UnknownAttribute
            A value cannot be used; then nothing changes.
        """
        self._now()
        return Change(*self._retriever.catalog.update_many(ids, columns))

    def delete(self, ids: Iterable[str]) -> Change:
        """Remove items; ids that are not there are counted in ``unknown``."""
        self._now()
        return self._tend(Change(*self._retriever.catalog.delete(ids)))

    def compact(self) -> None:
        """Renumber the items without the rows that changes left behind, and renew the index.

        Searches and changes go on meanwhile; this call waits. With ``upkeep`` it is done in the
        background when more than a fifth of the rows are dead or came later.

        Raises
        ------
        ValueRangeError
            No item is left.
        LimitExceeded
            More than a million items were changed meanwhile; nothing was compacted.
        """
        self._now()
        self._upkeep.compact()

    def save(self, out: str | os.PathLike[str], *, force: bool = False) -> str:
        """Write the items as they are now, and the index over them, as a bundle of its own.

        Call :meth:`compact` first to leave out the rows that changes left behind.

        Parameters
        ----------
        out : path
            Not the bundle that is open here, unless ``force`` replaces it: what is open stays.
        force : bool
            Replace a bundle that is there.

        Returns
        -------
        version : str
            Digest of what was written.

        Raises
        ------
        OutputExists
            ``out`` is there and ``force`` was not given, or it is no bundle.
        InvalidInput
            Items were changed, or compacted, meanwhile; nothing is written then.
        """
        before, catalog = self._now(), self._retriever.catalog
        with BundleWriter(out, force=force) as writer:
            catalog.write(writer)
            self._retriever.write(writer)
            writer.set("kind", INDEX_KIND)
            if catalog.snapshot() is not before:
                raise InvalidInput(
                    "items were changed while they were saved: do it between changes"
                )
        return writer.version

    def items(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The attributes of known items, in the order of ``ids``."""
        given: object = ids
        if isinstance(given, str | bytes) or not isinstance(given, Sequence):
            raise InvalidInput(f"items takes a list of item ids, got {given!r}")
        snapshot = self._now()
        rows, _ = snapshot.rows_of(ids)
        return [snapshot.record(int(row)) for row in rows]

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of known items, in the order of ``ids``, (m, dim) float32.

        They are what the index keeps: where that is no originals, what the codes say.
        """
        given: object = ids
        if isinstance(given, str | bytes) or not isinstance(given, Sequence):
            raise InvalidInput(f"vectors takes a list of item ids, got {given!r}")
        snapshot = self._now()
        return snapshot.vectors_of(snapshot.rows_of(ids)[0])

    def info(self) -> dict[str, Any]:
        """What is open here, JSON-ready: items, metric, strategy, memory, threads, upkeep."""
        snapshot = self._now()
        return {
            "version": self.version,
            "path": str(self._bundle.path),
            "threads": self._threads,
            "items": snapshot.live,
            "dim": snapshot.dim,
            "metric": snapshot.metric,
            "originals": snapshot.vectors.kept,
            "sequence": snapshot.sequence,
            "attributes": {a.name: a.kind for a in snapshot.schema},
            "memory": memory_info(self._bundle, snapshot, self._prefault),
            "strategy": self._retriever.strategy.to_dict(),
            "upkeep": self._upkeep.info(),
        }

    def close(self) -> None:
        """Release the files; every later call raises EngineClosed."""
        if not self._closed:
            self._closed = True
            self._bundle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _now(self) -> Snapshot:
        if self._closed:
            raise EngineClosed("this index is closed; open it again")
        return self._retriever.catalog.snapshot()

    def _results(self, snapshot: Snapshot, hits: Hits, us: float) -> Results:
        return Results(
            ids=snapshot.ids(hits.rows),
            scores=hits.scores,
            version=self.version,
            sequence=snapshot.sequence,
            stages_us={"retrieve": us},
        )

    def _tend(self, change: Change) -> Change:
        if self._tended:
            self._upkeep.check()
        return change


def _floats(given: object, what: str) -> NDArray[np.float32]:
    """Return numbers as float32; those that overflow it are refused later, as infinite."""
    if isinstance(given, Mapping | str | bytes):
        raise ShapeError(f"{what} must be numbers, got {type(given).__name__}")
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise ShapeError(f"{what} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "fiu":
        raise ShapeError(f"{what} must be numbers, got {array.dtype}")
    with np.errstate(over="ignore"):
        return cast("NDArray[np.float32]", array.astype(np.float32, copy=False))
