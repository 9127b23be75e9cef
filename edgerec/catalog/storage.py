"""A snapshot as parts of a bundle: arrays that are mapped, not parsed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.attributes import Attribute
from edgerec.catalog.bitmaps import size_bytes
from edgerec.catalog.columns import DTYPES, Column
from edgerec.catalog.identifiers import Identifiers
from edgerec.catalog.snapshot import Snapshot
from edgerec.catalog.strings import Strings
from edgerec.catalog.vectors import (
    MAX_DIM,
    Kept,
    Originals,
    Segment,
    Vectors,
    check_kept,
    check_metric,
)
from edgerec.catalog.versions import Versioned
from edgerec.catalog.vocabulary import Vocabulary
from edgerec.catalog.wordsets import WordSets
from edgerec.errors import BundleCorruptError, InvalidInput
from edgerec.machine.pages import advise

__all__ = ["read_snapshot", "write_snapshot"]

SECTION = "catalog"


def write_snapshot(snapshot: Snapshot, writer: BundleWriter) -> None:
    """Add a snapshot to a bundle: every row keeps its number, dead ones too."""
    every = np.arange(snapshot.rows, dtype=np.int32)
    identifiers = snapshot.identifiers.compacted(every)
    segments = snapshot.segments
    arrays: dict[str, NDArray[Any]] = {
        "ids/hashes": identifiers.hashes,
        "ids/order": identifiers.order,
        "alive": snapshot.alive,
        "codes": _joined([s.codes for s in segments]),
        "scales": _joined([s.scales for s in segments]),
    }
    if snapshot.vectors.kept != "none":
        arrays["vectors"] = _joined([s.vectors for s in segments])
    if snapshot.metric == "l2":
        arrays["offsets"] = _joined([s.offsets for s in segments])
    for name, array in arrays.items():
        writer.add_array(f"{SECTION}/{name}", "catalog", array)
    _write_strings(writer, "ids", identifiers.base)
    for place, column in enumerate(snapshot.columns.values()):
        _write_column(writer, f"columns/{place}", column)
    writer.set(
        SECTION,
        {
            "rows": snapshot.rows,
            "dim": snapshot.dim,
            "vectors": snapshot.vectors.kept,
            "metric": snapshot.metric,
            "sequence": snapshot.sequence,
            "schema": [{"name": a.name, "kind": a.kind} for a in snapshot.schema],
        },
    )


def read_snapshot(bundle: Bundle) -> Snapshot:
    """Map what :func:`write_snapshot` wrote.

    Raises
    ------
    BundleCorruptError
        The arrays do not fit together.
    BundleError
        The bundle has no catalogue.
    """
    section = bundle.section(SECTION)
    try:
        rows, dim, sequence = (int(section[key]) for key in ("rows", "dim", "sequence"))
        kept = check_kept(section["vectors"])
        metric = check_metric(section.get("metric", "inner"))  # older bundles say none
        schema = [Attribute(entry["name"], entry["kind"]) for entry in section["schema"]]
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise BundleCorruptError(f"section {SECTION!r} is not a catalogue's: {error}") from error
    if rows < 1 or not 1 <= dim <= MAX_DIM:
        raise BundleCorruptError(f"section {SECTION!r}: {rows} rows of {dim} dimensions")
    if len({attribute.name for attribute in schema}) != len(schema):
        raise BundleCorruptError(f"section {SECTION!r}: attributes of the schema must differ")
    scales = _array(bundle, "scales", np.float32, (rows,))
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise BundleCorruptError(f"{SECTION}/scales must be finite and positive")
    base = Segment(
        0,
        _read_originals(bundle, kept, (rows, dim)),
        _array(bundle, "codes", np.int8, (rows, dim)),
        scales,
        _read_offsets(bundle, rows) if metric == "l2" else None,
    )
    alive = _array(bundle, "alive", np.uint8, (size_bytes(rows),))
    if rows & 7 and alive[-1] >> (rows & 7):
        raise BundleCorruptError(f"{SECTION}/alive has rows beyond {rows}")
    columns = {
        attribute.name: _read_column(bundle, f"columns/{place}", attribute, rows)
        for place, attribute in enumerate(schema)
    }
    return Snapshot(_read_ids(bundle, rows), columns, Vectors.of(base, metric), alive, sequence)


def _write_column(writer: BundleWriter, name: str, column: Column) -> None:
    if column.attribute.kind == "text":
        every = np.arange(len(column), dtype=np.int32)
        _write_strings(writer, name, column.stored.strings(every))
        return
    if column.words is not None:
        _write_strings(writer, f"{name}/words", Strings.of(column.vocabulary.words))
    if isinstance(column.words, WordSets):
        offsets, members = column.words.arrays()
        writer.add_array(f"{SECTION}/{name}/sets/offsets", "catalog", offsets)
        writer.add_array(f"{SECTION}/{name}/sets/members", "catalog", members)
    values = column.stored.whole()
    if column.attribute.kind == "boolean":
        values = values.view(np.uint8)
    writer.add_array(f"{SECTION}/{name}/values", "catalog", values)


def _read_column(bundle: Bundle, name: str, attribute: Attribute, rows: int) -> Column:
    kind = attribute.kind
    if kind == "text":
        return Column(attribute, Versioned.of(_read_strings(bundle, name, rows)))
    dtype = np.uint8 if kind == "boolean" else DTYPES[kind]
    values = _array(bundle, f"{name}/values", dtype, (rows,))
    words: Vocabulary | WordSets | None = None
    if kind in ("keyword", "set"):
        words = _read_words(bundle, name)
        if kind == "set":
            words = _read_sets(bundle, name, words)
        _check_range(values, len(words), name)
    if kind == "number" and not np.isfinite(values).all():
        raise BundleCorruptError(f"{SECTION}/{name} must be finite")
    if kind == "boolean":
        _check_range(values, 2, name)
        values = values.view(np.bool_)
    return Column(attribute, Versioned.of(values), words)


def _read_words(bundle: Bundle, name: str) -> Vocabulary:
    words = _read_strings(bundle, f"{name}/words")[:].tolist()
    if len(set(words)) != len(words):
        raise BundleCorruptError(f"{SECTION}/{name}/words must differ")
    return Vocabulary(words)


def _read_sets(bundle: Bundle, name: str, words: Vocabulary) -> WordSets:
    offsets = _array(bundle, f"{name}/sets/offsets", np.int64, None)
    members = _array(bundle, f"{name}/sets/members", np.int32, None)
    ordered = offsets.size > 0 and offsets[0] == 0 and offsets[-1] == members.size
    if not ordered or (offsets[1:] < offsets[:-1]).any():
        raise BundleCorruptError(f"{SECTION}/{name}/sets must ascend from 0 to {members.size}")
    if members.size:
        _check_range(members, len(words), f"{name}/sets")
    return WordSets(words, offsets, members)


def _read_originals(bundle: Bundle, kept: Kept, shape: tuple[int, int]) -> Originals | None:
    if kept == "none":
        return None
    array = _array(bundle, "vectors", np.float16 if kept == "float16" else np.float32, shape)
    advise(array, "random")  # a few rows a search: what lies around them is not read
    return array


def _read_offsets(bundle: Bundle, rows: int) -> NDArray[np.float32]:
    offsets = _array(bundle, "offsets", np.float32, (rows,))
    if not (np.isfinite(offsets) & (offsets <= 0)).all():
        raise BundleCorruptError(f"{SECTION}/offsets must be finite and at most 0")
    return offsets


def _read_ids(bundle: Bundle, rows: int) -> Identifiers:
    order = _array(bundle, "ids/order", np.int32, (rows,))
    _check_range(order, rows, "ids/order")
    hashes = _array(bundle, "ids/hashes", np.uint32, (rows,))
    return Identifiers(_read_strings(bundle, "ids", rows), hashes, order)


def _write_strings(writer: BundleWriter, name: str, strings: Strings) -> None:
    writer.add_array(f"{SECTION}/{name}/offsets", "catalog", strings.offsets)
    writer.add_array(f"{SECTION}/{name}/data", "catalog", strings.data)


def _read_strings(bundle: Bundle, name: str, count: int | None = None) -> Strings:
    offsets = _array(bundle, f"{name}/offsets", np.int64, None if count is None else (count + 1,))
    return Strings(offsets, _array(bundle, f"{name}/data", np.uint8, None))


def _array(
    bundle: Bundle, name: str, dtype: type[Any], shape: tuple[int, ...] | None
) -> NDArray[Any]:
    array = bundle.array(f"{SECTION}/{name}")
    if array.dtype != dtype or (array.ndim != 1 if shape is None else array.shape != shape):
        raise BundleCorruptError(
            f"{SECTION}/{name} must be {np.dtype(dtype)} of shape {shape or '(n,)'}, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array


def _check_range(values: NDArray[Any], stop: int, name: str) -> None:
    if not 0 <= int(values.min()) <= int(values.max()) < stop:
        raise BundleCorruptError(f"{SECTION}/{name} must lie in [0, {stop})")


def _joined(parts: list[Any]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
