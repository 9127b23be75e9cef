"""A snapshot: the catalogue as it was after one change, for as long as somebody holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.catalog import bitmaps
from edgerec.catalog.bitmaps import Bitmap, Eligible
from edgerec.catalog.columns import Column
from edgerec.catalog.filters import select
from edgerec.catalog.identifiers import Identifiers
from edgerec.catalog.item_columns import column_like
from edgerec.catalog.items import Items, Schema
from edgerec.catalog.predicates import Predicates
from edgerec.catalog.vectors import Metric, Segment, Vectors
from edgerec.errors import ShapeError, UnknownAttribute, ValueRangeError
from edgerec.values.where import Condition

__all__ = ["Snapshot"]

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that a request reads, immutable; any number of threads may read it, without locks.

    Rows are int32 in [0, ``rows``) and are never used again for another item: an item that is
    deleted or replaced leaves a dead row behind.

    Parameters
    ----------
    identifiers : Identifiers
    columns : mapping of str to Column
        One for every attribute.
    vectors : Vectors
    alive : (ceil(rows / 8),) uint8 bitmap
    sequence : int
        Number of the last change that is seen here.
    generation : int
        How often the rows were numbered anew. What was made of the rows of one generation, such as
        an index, says nothing about those of another.
    predicates : Predicates
        What all snapshots of a generation know of filters.
    """

    identifiers: Identifiers
    columns: Mapping[str, Column]
    vectors: Vectors
    alive: Bitmap
    sequence: int
    generation: int = 0
    predicates: Predicates = field(default_factory=Predicates)

    @property
    def rows(self) -> int:
        """Number of rows, dead ones included."""
        return len(self.identifiers)

    @cached_property
    def live(self) -> int:
        """Number of items."""
        return bitmaps.count(self.alive)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.vectors.dim

    @property
    def metric(self) -> Metric:
        """What orders the rows of a search."""
        return self.vectors.metric

    @property
    def schema(self) -> Schema:
        """The attributes, in their order."""
        return tuple(column.attribute for column in self.columns.values())

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The vectors: the base, and what was added later if anything was."""
        return self.vectors.segments()

    @cached_property
    def _everything(self) -> Eligible:
        return Eligible(self.alive, self.live, self.rows)

    def ids(self, rows: Rows) -> tuple[str, ...]:
        """Return the ids of ``rows``; a dead row still tells its id."""
        return self.identifiers.take(self._checked(rows))

    def row(self, identifier: object) -> int | None:
        """Return the row of an item, None if there is none."""
        rows, _ = self.rows_of([identifier])
        return int(rows[0]) if rows.size else None

    def rows_of(self, ids: Sequence[object]) -> tuple[Rows, int]:
        """Return the rows of the known items among ``ids``, in their order, and how many are not.

        Returns
        -------
        rows : (m,) int32
        unknown : int
            ``len(ids) - m``; what cannot be an id is unknown too.
        """
        found = self.identifiers.find([i for i in ids if isinstance(i, str)], self.alive)
        rows = found[found >= 0]
        return rows, len(ids) - rows.size

    def column(self, name: str) -> NDArray[Any]:
        """Return an attribute of all rows, (rows,), not to be written to.

        float64 for a number, bool for a boolean, int64 nanoseconds for a timestamp, str objects
        for a text, int32 codes for a keyword (see :meth:`vocabulary`) or a set. After a change the
        array is put together anew, once a snapshot; :meth:`take` spares that where only some rows
        are wanted.
        """
        whole = self._whole.get(name)
        if whole is None:
            whole = self._whole[name] = self._column(name).stored.whole()
        return whole

    def take(self, name: str, rows: Rows) -> NDArray[Any]:
        """Return an attribute of ``rows``, as :meth:`column` has it."""
        return self._column(name).stored.take(self._checked(rows))

    def vocabulary(self, name: str) -> tuple[str, ...]:
        """Return the words of a keyword, which its codes stand for, or of a set."""
        return tuple(self._column(name).vocabulary.words)

    def codes(self, name: str, words: Sequence[str]) -> NDArray[np.int32]:
        """Return the codes of some words of a keyword, (m,) int32; -1 for an unknown one."""
        vocabulary = self._column(name).vocabulary
        found = [vocabulary.code(word) for word in words]
        return np.array([-1 if code is None else code for code in found], np.int32)

    def record(self, row: int) -> dict[str, Any]:
        """Return one item as a mapping: its ``id`` and its attributes.

        Raises
        ------
        ValueRangeError
            There is no such row.
        """
        if not 0 <= row < self.rows:
            raise ValueRangeError(f"rows must lie in [0, {self.rows}), got {row}")
        rows = np.array([row], np.int32)
        values = {name: column.values(rows)[0] for name, column in self.columns.items()}
        return {"id": self.identifiers.take(rows)[0], **values}

    def items(self, rows: Rows) -> Items:
        """Return ``rows`` as items, whose ids must differ."""
        rows = self._checked(rows)
        ids = self.identifiers.take(rows)
        values = {name: column.values(rows) for name, column in self.columns.items()}
        columns = {a.name: column_like(a, values[a.name]) for a in self.schema}
        return Items(ids, columns, self.schema)

    def vectors_of(self, rows: Rows) -> NDArray[np.float32]:
        """Return the vectors of ``rows``, (m, dim) float32.

        Where the catalogue keeps no originals they are what the codes say, and with the metric
        cosine divided by their norms.
        """
        return self.vectors.take(self._checked(rows))

    def eligible(
        self, where: Condition | None = None, exclude: NDArray[np.integer[Any]] | None = None
    ) -> Eligible:
        """Return the live rows that meet ``where``, without those of ``exclude``.

        Parameters
        ----------
        where : Condition, optional
            As :func:`edgerec.values.where.parse_where` gives it.
        exclude : (m,) int32, optional
            Rows in any order.

        Raises
        ------
        UnknownAttribute, InvalidInput, ValueRangeError
            See :func:`edgerec.catalog.filters.select`.
        """
        if where is None and (exclude is None or not exclude.size):
            return self._everything
        if where is None:
            bitmap, count = self.alive.copy(), self.live
        else:
            bitmap, count = select(where, self.columns, self.alive, self.predicates)
        if exclude is not None and exclude.size:
            bitmaps.put(bitmap, self._checked(exclude), bit=False)
            count = bitmaps.count(bitmap)
        return Eligible(bitmap, count, self.rows)

    def compacted(self, order: NDArray[np.integer[Any]] | None = None) -> Snapshot:
        """Return the live items alone, in one segment: the first snapshot of the next generation.

        It shares nothing with this one that a change would touch.

        Parameters
        ----------
        order : (live,) int32, optional
            Every live row once, in the order that the items shall have; as they are without it.

        Raises
        ------
        ValueRangeError
            No item is left, or ``order`` is not an order of the live rows.
        """
        if not self.live:
            raise ValueRangeError("a catalogue needs at least one item, and none is left")
        rows = bitmaps.rows_of(self.alive)
        if order is not None:
            order = self._checked(order)
            if not np.array_equal(np.sort(order), rows):
                raise ValueRangeError(
                    f"order must hold each of the {self.live} live rows once, got {order.size} rows"
                )
            rows = order
        columns = {name: column.compacted(rows) for name, column in self.columns.items()}
        alive = bitmaps.pack(np.ones(rows.size, np.bool_))
        return Snapshot(
            self.identifiers.compacted(rows),
            columns,
            self.vectors.compacted(rows),
            alive,
            self.sequence,
            self.generation + 1,
        )

    @cached_property
    def _whole(self) -> dict[str, NDArray[Any]]:
        return {}

    def _column(self, name: str) -> Column:
        column = self.columns.get(name)
        if column is None:
            raise UnknownAttribute(
                f"no attribute {name!r}; the catalogue has {', '.join(sorted(self.columns))}"
            )
        return column

    def _checked(self, rows: Any) -> Rows:
        if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iu" or rows.ndim != 1:
            raise ShapeError(f"rows must be a (m,) array of integers, got {rows!r}")
        if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < self.rows:
            raise ValueRangeError(
                f"rows must lie in [0, {self.rows}), got {rows.min()} to {rows.max()}"
            )
        return rows.astype(np.int32, copy=False)  # row + 1 must not leave a narrow type
