"""Opening a bundle as an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgerec.backends.session import Session
from edgerec.bundle.reader import Bundle, open_bundle
from edgerec.catalog.catalog import Catalog
from edgerec.engine.engine import Engine
from edgerec.engine.indexing import INDEX_KIND
from edgerec.engine.models import open_session, read_models
from edgerec.engine.serving import Serving, Settings
from edgerec.engine.tables import Prefault, bring_in, check_prefault
from edgerec.engine.visitors import Visitors
from edgerec.errors import BundleCorruptError, BundleError, InvalidInput
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import Vocabulary
from edgerec.machine.threads import thread_budget
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.upkeep import Upkeep

__all__ = ["open"]

UNREADABLE = (InvalidInput, LookupError, TypeError, ValueError, AttributeError)
"""What reading a manifest raises whose hashes are right and whose contents are not."""


def open(
    path: str | Path,
    *,
    threads: int | None = None,
    upkeep: bool = True,
    prefault: Prefault = "none",
) -> Engine:
    """Open a bundle.

    Every hash is checked before any engine sees a byte. Sessions are built when they are first
    used, in the process that uses them, or by :meth:`Engine.warm`.

    Parameters
    ----------
    path : str or Path
        A bundle's directory.
    threads : int >= 1, optional
        The process's thread budget, if it has none yet; without it, the cores that the process
        may use.
    upkeep : bool
        Compact the catalogue in the background when changes have worn it; see
        :meth:`Engine.compact`.
    prefault : {"none", "hot", "all"}
        Tables to have in this process's memory before the first request: ``hot`` what searches
        read, ``all`` the original vectors, attributes and ids too. The memory is shared with other
        processes that have the bundle open.

    Raises
    ------
    InvalidInput
        ``threads`` or ``prefault`` is none of these.
    BundleNotFound, BundleVersionError, BundleCorruptError
        There is no bundle, or it cannot be used; an engine that is open already stays as it was.
    """
    prefault = check_prefault(prefault)
    bundle = open_bundle(path)
    if bundle.manifest.sections.get("kind") == INDEX_KIND:
        bundle.close()
        raise BundleError(f"{path} holds an index, no models: open it with edgerec.open_index")
    try:
        return _engine(bundle, thread_budget(threads).threads, upkeep=upkeep, prefault=prefault)
    except BundleError:
        raise
    except UNREADABLE as error:
        raise BundleCorruptError(
            f"{bundle.path}/manifest.json: the sections do not make an engine: {error!r}"
        ) from error


def _engine(bundle: Bundle, threads: int, *, upkeep: bool, prefault: Prefault) -> Engine:
    models = read_models(bundle)
    sessions = {
        name: open_session(bundle, model, threads=threads) for name, model in models.items()
    }
    shop = bundle.section("kind") == "shop"
    if not shop and len(sessions) != 1:
        raise BundleCorruptError(f"{bundle.path} is of one model, and holds {len(sessions)}")
    serving = _serving(bundle, sessions, threads) if shop else None
    if serving is not None and upkeep:
        serving = replace(serving, upkeep=Upkeep(serving.retriever))
    bring_in(bundle, prefault)
    return Engine(bundle, models, sessions, serving, threads=threads, prefault=prefault)


def _serving(bundle: Bundle, sessions: Mapping[str, Session], threads: int) -> Serving:
    catalog = Catalog.read(bundle)
    return Serving(
        version=bundle.version,
        catalog=catalog,
        retriever=Retriever.read(bundle, catalog, threads=threads),
        spec=FeatureSpec.from_dict(bundle.section("features")),
        vocabulary=Vocabulary.from_bytes(bundle.read("features/words.txt")),
        visitors=Visitors.read(bundle, catalog.snapshot()),
        settings=Settings(**bundle.section("settings")),
        sessions=sessions,
    )
