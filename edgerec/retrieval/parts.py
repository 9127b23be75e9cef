"""An index as parts of a bundle: arrays that are mapped and checked, not parsed."""

from __future__ import annotations

from typing import Any

from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.snapshot import Snapshot
from edgerec.retrieval.clusters import Clusters
from edgerec.retrieval.exact import ExactIndex
from edgerec.retrieval.index import Index
from edgerec.retrieval.inverted import Lists
from edgerec.retrieval.lists import ListIndex
from edgerec.retrieval.rotation import Rotation
from edgerec.retrieval.routing import Router
from edgerec.retrieval.sketch import Sketches, SketchIndex
from edgerec.retrieval.strategy import ListSettings, SketchSettings, Strategy

__all__ = ["read_index", "write_index"]

SECTION = "retrieval"
SKETCHES = ("centre", "bits", "factors")
CLUSTERS = ("groups", "bounds", "centroids")
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
    rotation = Rotation.from_dict(more.get("rotation", {}))
    if isinstance(settings, SketchSettings):
        sketches = Sketches(rotation, **_read(bundle, "sketches", SKETCHES))
        return SketchIndex(sketches, segments, settings.shortlist, metric)
    assert isinstance(settings, ListSettings)
    clusters = Clusters(**_read(bundle, "clusters", CLUSTERS))
    lists = Lists(clusters, rotation=rotation, **_read(bundle, "lists", LISTS))
    return ListIndex(Router(lists, metric, settings.optimism), segments, settings.probing)


def _write(writer: BundleWriter, part: str, value: object, names: tuple[str, ...]) -> None:
    for name in names:
        writer.add_array(f"{SECTION}/{part}/{name}", "index", getattr(value, name))


def _read(bundle: Bundle, part: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bundle.array(f"{SECTION}/{part}/{name}") for name in names}
