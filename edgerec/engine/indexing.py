"""From vectors to an index in a bundle: a catalogue, and the retrieval that suits it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.attributes import Attribute, infer_kind
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.vectors import Kept, Metric, check_vectors
from edgerec.engine.tables import item_tables
from edgerec.errors import InvalidInput, ShapeError, ValueRangeError
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Measured, Strategy, Target

__all__ = ["INDEX_KIND", "INDEX_STEPS", "Indexed", "build_index", "items_of"]

INDEX_KIND = "index"
INDEX_STEPS = 8
"""Calls of ``progress``, at most."""
Progress = Callable[[str], None]
Columns = Mapping[str, Sequence[Any] | NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of some vectors.

    Parameters
    ----------
    version : str
        Digest of the bundle.
    rows, dim : int
    strategy : Strategy
        The index that was chosen, why, and every figure that decided.
    bytes_an_item, hot_bytes_an_item : float
        Of all tables, and of those that searches read.
    build_s : float
        From the vectors to the bundle on disk.
    """

    version: str
    rows: int
    dim: int
    strategy: Strategy
    bytes_an_item: float
    hot_bytes_an_item: float
    build_s: float

    @property
    def measured(self) -> Measured:
        """The chosen index on queries that it was not tuned on, without a filter."""
        return next(
            one
            for one in reversed(self.strategy.evidence)
            if one.kind == self.strategy.kind and one.filter == "none"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "version": self.version,
            "rows": self.rows,
            "dim": self.dim,
            "kind": self.strategy.kind,
            "recall": self.measured.recall,
            "median_us": self.measured.median_us,
            "bytes_an_item": self.bytes_an_item,
            "hot_bytes_an_item": self.hot_bytes_an_item,
            "build_s": self.build_s,
            "strategy": self.strategy.to_dict(),
        }


def build_index(
    vectors: NDArray[Any],
    out: str | os.PathLike[str],
    *,
    ids: Sequence[str] | NDArray[Any] | None = None,
    attributes: Columns | None = None,
    target: Target | None = None,
    metric: Metric = "inner",
    originals: Kept | None = None,
    queries: NDArray[np.float32] | None = None,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> Indexed:
    """Measure which index suits some vectors, and write it as a bundle.

    Parameters
    ----------
    vectors : (n, dim) float32 or float16, n >= 1
        A row an item; best mapped from a file, ``np.load(path, mmap_mode="r")``.
    out : path
        The bundle's directory; the one above it must exist. It appears whole or not at all.
    ids : sequence or array of n str, optional
        Unique; without them the numbers of the rows, ``"0"`` and on.
    attributes : mapping of str to n values, optional
        What filters compare and answers show, by name. The first value of each decides its kind.
    target : Target, optional
        The recall to reach, the memory to stay within, and which index to take.
    metric : {"inner", "cosine", "l2"}
    originals : {"float32", "float16", "none"}, optional
        What is kept of the vectors beside their int8 codes; as they come without it.
    queries : (m, dim) float32, optional
        Such as will be asked. Without them the index is measured on mixtures of two items, and
        queries of another distribution may find its recall lower.
    seed : int >= 0
        Of samples, rotations and clusters.
    force : bool
        Replace a bundle that is there.
    progress : callable, optional
        Called with a line before each step, :data:`INDEX_STEPS` times at most.

    Raises
    ------
    ShapeError, ValueRangeError, LimitExceeded, InvalidInput
        The vectors, ids, attributes, queries or seed cannot be used, or the memory is not enough.
    OutputExists
        ``out`` is there and ``force`` was not given, or it is no bundle.
    """
    start, say = time.perf_counter(), progress or (lambda _line: None)
    if seed < 0:
        raise ValueRangeError(f"seed must be an integer of at least 0, got {seed!r}")
    with BundleWriter(out, force=force) as writer:
        say("checking the vectors")
        rows = _rows(vectors)
        items = items_of(_numbers(rows) if ids is None else ids, attributes or {})
        check_vectors(vectors, len(items))
        say(f"quantising {rows:,} vectors")
        catalog = Catalog(items, vectors, metric=metric, originals=originals)
        retriever = Retriever.build(catalog, target, queries=queries, seed=seed, progress=say)
        say("writing the bundle")
        retriever.catalog.write(writer)
        retriever.write(writer)
        writer.set("kind", INDEX_KIND)
    with open_bundle(out, version=writer.version, lazy=True) as bundle:
        tables = item_tables(bundle.manifest)
    assert tables is not None, "an index has a catalogue"
    return Indexed(
        version=writer.version,
        rows=rows,
        dim=int(vectors.shape[1]),
        strategy=retriever.strategy,
        bytes_an_item=tables.bytes_an_item,
        hot_bytes_an_item=tables.hot_bytes_an_item,
        build_s=round(time.perf_counter() - start, 2),
    )


def items_of(
    ids: Sequence[str] | NDArray[Any],
    attributes: Columns,
    schema: Sequence[Attribute] | None = None,
) -> Items:
    """Return items from ids and a column for each attribute.

    Parameters
    ----------
    ids : sequence or array of n str
    attributes : mapping of str to n values
    schema : sequence of Attribute, optional
        Without it the first value of each column decides its kind.

    Raises
    ------
    InvalidInput, ShapeError, ValueRangeError, UnknownAttribute, LimitExceeded
        Of the first id or value that does not fit.
    """
    given: object = ids
    if isinstance(given, str | bytes) or not isinstance(given, Sequence | np.ndarray):
        raise InvalidInput(f"ids must be a sequence of str, got {type(given).__name__}")
    names = tuple(ids.tolist() if isinstance(ids, np.ndarray) else ids)
    if schema is None:
        schema = [Attribute(name, _kind(name, column)) for name, column in attributes.items()]
    return Items(names, attributes, tuple(schema))  # type: ignore[arg-type]


def _kind(name: str, column: object) -> Any:
    if isinstance(column, str | bytes) or not isinstance(column, Sequence | np.ndarray):
        raise InvalidInput(f"attribute {name!r} must be a sequence of values, one an id")
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return "timestamp"
    return infer_kind(name, column[0]) if len(column) else "number"


def _rows(vectors: object) -> int:
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2:
        found = f"shape {vectors.shape}" if isinstance(vectors, np.ndarray) else type(vectors)
        raise ShapeError(f"vectors must be an array of shape (n, dim), a row an item, got {found}")
    if vectors.dtype == np.float64:
        raise ShapeError(
            "vectors must be float32 or float16, got float64, which would double their memory: "
            "convert them once, vectors.astype(np.float32)"
        )
    if not len(vectors):
        raise ShapeError(f"vectors must have at least one row, got shape {vectors.shape}")
    return len(vectors)


def _numbers(rows: int) -> tuple[str, ...]:
    return tuple(map(str, range(rows)))
