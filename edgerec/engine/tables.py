"""The tables of a shop's items: what they cost an item, and how much of them is in memory.

*Hot* is what searches read, all rows of it or those that a list or a sketch proposes: the codes and
the index. The originals of the last few rows, attributes and ids are read for a few rows only, but
for attributes that a filter meets for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from edgerec.bundle.manifest import Manifest
from edgerec.bundle.reader import Bundle
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import BundleCorruptError, InvalidInput
from edgerec.machine.pages import Held, held, huge_pages, prefault

__all__ = [
    "PREFAULTS",
    "ItemTables",
    "Prefault",
    "Table",
    "bring_in",
    "check_prefault",
    "item_tables",
    "memory_info",
]

Prefault = Literal["none", "hot", "all"]
PREFAULTS: tuple[Prefault, ...] = ("none", "hot", "all")
Arrays = dict[str, list[NDArray[Any]]]

NAMES = {
    "scales": "codes",
    "offsets": "codes",
    "vectors": "originals",
    "columns": "attributes",
}
"""Tables of a catalogue's parts whose own names do not say it."""
HOT = frozenset({"codes", "alive"})
"""Of a catalogue; of an index everything is."""


@dataclass(frozen=True, slots=True)
class Table:
    """One or more parts that belong together.

    Parameters
    ----------
    name : str
        ``codes``, ``originals``, ``attributes``, ``ids``, ``alive``, or what the index calls its.
    hot : bool
        Whether searches read it.
    dtypes : tuple of str
        What it is kept as; empty for originals that are not kept.
    bytes : int
    bytes_an_item : float
        A row, to be exact; dead ones take as much.
    """

    name: str
    hot: bool
    dtypes: tuple[str, ...]
    bytes: int
    bytes_an_item: float


@dataclass(frozen=True, slots=True)
class ItemTables:
    """All tables of a catalogue's items and of the index over them, hot ones first."""

    rows: int
    tables: tuple[Table, ...]

    @property
    def hot_bytes_an_item(self) -> float:
        """Of the hot tables together."""
        return round(sum(t.bytes for t in self.tables if t.hot) / self.rows, 2)

    @property
    def bytes_an_item(self) -> float:
        """Of all tables together."""
        return round(sum(t.bytes for t in self.tables) / self.rows, 2)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "rows": self.rows,
            "bytes_an_item": self.bytes_an_item,
            "hot_bytes_an_item": self.hot_bytes_an_item,
            "tables": [asdict(table) for table in self.tables],
        }


def item_tables(manifest: Manifest) -> ItemTables | None:
    """Return the tables of a bundle's items, None where it has no catalogue.

    They are found by the names of the parts, so that an index may bring any.

    Raises
    ------
    BundleCorruptError
        The catalogue does not say how many rows it has.
    """
    section = manifest.sections.get("catalog")
    if section is None:
        return None
    rows = section.get("rows") if isinstance(section, dict) else None
    if type(rows) is not int or rows < 1:
        raise BundleCorruptError(f"section 'catalog': rows must be at least 1, got {rows!r}")
    sizes: dict[tuple[bool, str], int] = {(False, "originals"): 0}
    dtypes: dict[tuple[bool, str], list[str]] = {}
    for part in manifest.parts:
        key = _table(part.name)
        if key is not None:
            sizes[key] = sizes.get(key, 0) + part.bytes
            dtypes.setdefault(key, []).append(part.dtype or part.kind)
    tables = [
        Table(
            name,
            hot,
            tuple(dict.fromkeys(dtypes.get((hot, name), ()))),
            size,
            round(size / rows, 2),
        )
        for (hot, name), size in sizes.items()
    ]
    return ItemTables(rows, tuple(sorted(tables, key=lambda t: (not t.hot, -t.bytes, t.name))))


def check_prefault(what: object) -> Prefault:
    """Return ``what`` if it can be brought in; InvalidInput if not."""
    for known in PREFAULTS:
        if what == known:
            return known
    raise InvalidInput(f"prefault must be one of {', '.join(PREFAULTS)}, got {what!r}")


def bring_in(bundle: Bundle, what: Prefault) -> None:
    """Have the hot tables of a bundle in this process's memory, or all of them, or leave it."""
    if what == "none":
        return
    for hot, _, array in _mapped(bundle):
        if hot or what == "all":
            prefault(array)


def memory_info(bundle: Bundle, snapshot: Snapshot | None, what: Prefault) -> dict[str, Any]:
    """Return what there is to know of the tables' memory in this process, JSON-ready.

    Shares are of each table's bytes, 0 to 1. Vectors are those of the snapshot; the index is the
    one that is mapped from the bundle, as long as no compaction has put another in its place.
    """
    found = held(_current(bundle, snapshot)) if snapshot is not None else {}
    tables = None if found is None else {name: _shares(one) for name, one in found.items()}
    return {"prefault": what, "huge_pages": huge_pages(), "tables": tables}


def _shares(table: Held) -> dict[str, float]:
    whole = max(table.bytes, 1)
    return {
        "bytes": table.bytes,
        "resident_share": round(table.resident_bytes / whole, 4),
        "huge_share": round(table.huge_bytes / whole, 4),
    }


def _current(bundle: Bundle, snapshot: Snapshot) -> Arrays:
    """Return the arrays that requests read, by table."""
    tables: Arrays = {"codes": [], "originals": []}
    for segment in snapshot.segments:
        tables["codes"] += [segment.codes, segment.scales]
        tables["codes"] += [] if segment.offsets is None else [segment.offsets]
        tables["originals"] += [] if segment.vectors is None else [segment.vectors]
    for hot, name, array in _mapped(bundle):
        if hot and name not in HOT and snapshot.generation == 0:
            tables.setdefault(name, []).append(array)
    return tables


def _mapped(bundle: Bundle) -> Iterator[tuple[bool, str, NDArray[Any]]]:
    for part in bundle.manifest.parts:
        key = _table(part.name)
        if key is not None and part.is_array:
            yield *key, bundle.array(part.name)


def _table(part: str) -> tuple[bool, str] | None:
    """Return whether a part is hot and the table that it belongs to; None if it is of no item."""
    owner, _, rest = part.partition("/")
    name = rest.partition("/")[0]
    if owner == "retrieval":
        return True, name
    if owner == "catalog":
        name = NAMES.get(name, name)
        return name in HOT, name
    return None
