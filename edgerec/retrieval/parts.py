"""An index as parts of a bundle: arrays that are mapped and checked, not parsed."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.snapshot import Snapshot
from edgerec.errors import BundleCorruptError, InvalidInput
from edgerec.retrieval.clusters import Clusters
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.factory import Factory
from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.faiss_rows import FaissRows
from edgerec.retrieval.index import Index
from edgerec.retrieval.inverted import Lists
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.rotation import Rotation
from edgerec.retrieval.routing import Router
from edgerec.retrieval.sketch import Sketches, SketchIndex
from edgerec.retrieval.strategy import FaissSettings, ListSettings, SketchSettings, Strategy

__all__ = ["read_index", "write_index"]

SECTION = "retrieval"
SKETCHES = ("centre", "bits", "factors")
CLUSTERS = ("groups", "bounds", "centroids")
FAISS = f"{SECTION}/faiss/index"
LISTS = ("offsets", "spreads", "group_spreads", "bits", "factors")


def write_index(index: Index, writer: BundleWriter) -> dict[str, Any]:
    """Add the arrays of an index to a bundle; return what else it takes to read them."""
    if isinstance(index, SketchIndex):
        _write(writer, "sketches", index.sketches, SKETCHES)
        return {"rotation": index.sketches.rotation.to_dict()}
    if isinstance(index, ListIndex):
        _write(writer, "clusters", index.lists.clusters, CLUSTERS)
        _write(writer, "lists", index.lists, LISTS)
        return {"rotation": index.lists.rotation.to_dict()}
    if isinstance(index, FaissIndex):
        writer.add_array(FAISS, "index", index.faiss.to_bytes())
        return {"factory": str(index.faiss.factory), "rows": index.faiss.rows}
    return {}


def read_index(
    bundle: Bundle, strategy: Strategy, more: dict[str, Any], snapshot: Snapshot
) -> Index:
    """Map what :func:`write_index` wrote, for the catalogue of the same bundle.

    Raises
    ------
    BundleCorruptError
        The arrays do not fit together.
    """
    segments, metric = snapshot.segments, snapshot.metric
    settings = strategy.settings
    if settings is None:
        return ExactIndex(segments, metric)
    if isinstance(settings, FaissSettings):
        faiss = _read_faiss(bundle, more, snapshot)
        return FaissIndex(faiss, segments, settings.effort, settings.shortlist)
    rotation = Rotation.from_dict(more.get("rotation", {}))
    if isinstance(settings, SketchSettings):
        sketches = Sketches(rotation, **_read(bundle, "sketches", SKETCHES))
        return SketchIndex(sketches, segments, settings.shortlist, metric)
    assert isinstance(settings, ListSettings)
    clusters = Clusters(**_read(bundle, "clusters", CLUSTERS))
    lists = Lists(clusters, rotation=rotation, **_read(bundle, "lists", LISTS))
    return ListIndex(Router(lists, metric, settings.optimism), segments, settings.probing)


def _read_faiss(bundle: Bundle, more: dict[str, Any], snapshot: Snapshot) -> FaissRows:
    data, rows = bundle.array(FAISS), more.get("rows")
    if type(rows) is not int or not 1 <= rows <= snapshot.rows:
        raise BundleCorruptError(f"{FAISS}: {rows!r} rows, the catalogue has {snapshot.rows}")
    if data.dtype != np.uint8 or data.ndim != 1:
        raise BundleCorruptError(f"{FAISS}: wanted bytes, got {data.dtype} of shape {data.shape}")
    try:
        factory = Factory.parse(more.get("factory")).suiting(rows, snapshot.dim)
    except InvalidInput as error:
        raise BundleCorruptError(f"{FAISS}: {error}") from error
    return FaissRows.from_bytes(
        data, factory, rows=rows, dim=snapshot.dim, metric=snapshot.metric, part=FAISS
    )


def _write(writer: BundleWriter, part: str, value: object, names: tuple[str, ...]) -> None:
    for name in names:
        writer.add_array(f"{SECTION}/{part}/{name}", "index", getattr(value, name))


def _read(bundle: Bundle, part: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bundle.array(f"{SECTION}/{part}/{name}") for name in names}
