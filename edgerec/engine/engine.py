"""An engine: a bundle opened in a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from edgerec.backends.session import Session
from edgerec.bundle.reader import Bundle, open_bundle
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.engine.cascade import Pace
from edgerec.engine.golden import Replay, replay, replay_inputs
from edgerec.engine.models import ShippedModel, open_session, read_models, warnings_for
from edgerec.engine.parts import Parts, Settings, encode_items, with_defaults
from edgerec.engine.rank import rank
from edgerec.engine.recommend import recommend
from edgerec.engine.search import search
from edgerec.engine.similar import similar
from edgerec.engine.single_model import rank_inputs
from edgerec.engine.visitors import Visitors
from edgerec.errors import EngineClosed, InvalidInput
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import Vocabulary
from edgerec.machine.threads import thread_budget
from edgerec.retrieval.retriever import Retriever
from edgerec.values.results import Change, Results
from edgerec.values.where import Where

__all__ = ["Engine", "open"]

Key = TypeVar("Key")


def open(path: str | Path, *, threads: int | None = None) -> Engine:
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

    Raises
    ------
    BundleNotFound, BundleVersionError, BundleCorruptError
        There is no bundle, or it cannot be used; an engine that is open already stays as it was.
    """
    bundle = open_bundle(Path(path))
    budget = thread_budget(threads)
    models = read_models(bundle)
    sessions = {
        name: open_session(bundle, model, threads=min(model.plan.budget.threads, budget.threads))
        for name, model in models.items()
    }
    parts = _parts(bundle, sessions) if bundle.section("kind") == "shop" else None
    return Engine(bundle, models, sessions, parts, threads=budget.threads)


def _parts(bundle: Bundle, sessions: Mapping[str, Session]) -> Parts:
    catalog = Catalog.read(bundle)
    return Parts(
        version=bundle.version,
        catalog=catalog,
        retriever=Retriever.read(bundle, catalog),
        spec=FeatureSpec.from_dict(bundle.section("features")),
        vocabulary=Vocabulary.from_bytes(bundle.read("features/words.txt")),
        visitors=Visitors.read(bundle),
        settings=Settings.from_dict(bundle.section("settings")),
        sessions=sessions,
    )


class Engine:
    """Answers requests from a bundle. Thread-safe and fork-safe; a context manager.

    Made by :func:`edgerec.open`. Calls are synchronous and release the interpreter's lock while
    kernels and sessions run: in asyncio use ``asyncio.to_thread``.
    """

    def __init__(
        self,
        bundle: Bundle,
        models: Mapping[str, ShippedModel],
        sessions: Mapping[str, Session],
        parts: Parts | None,
        *,
        threads: int,
    ) -> None:
        self._bundle = bundle
        self._models = models
        self._sessions = sessions
        self._shop_parts = parts
        self._threads = threads
        self._pace = Pace()
        self._closed = False

    @property
    def version(self) -> str:
        """Digest of the bundle."""
        return self._bundle.version

    @overload
    def recommend(
        self,
        user: list[str],
        *,
        history: None = None,
        k: int = 10,
        where: Where | None = None,
        deadline_ms: float | None = None,
    ) -> list[Results]: ...
    @overload
    def recommend(
        self,
        user: str | None = None,
        *,
        history: Sequence[str] | None = None,
        k: int = 10,
        where: Where | None = None,
        deadline_ms: float | None = None,
    ) -> Results: ...
    def recommend(
        self,
        user: str | list[str] | None = None,
        *,
        history: Sequence[str] | None = None,
        k: int = 10,
        where: Where | None = None,
        deadline_ms: float | None = None,
    ) -> Results | list[Results]:
        """Items for a user, or for a visitor with a history.

        Parameters
        ----------
        user : str or list of str, optional
            A list is answered one by one, in order; it takes no ``history``.
        history : sequence of str, optional
            Item ids, oldest first; used instead of what is known of the user.
        k : int in [1, 10000]
            Fewer come back where fewer are eligible.
        where : mapping, optional
            A filter, see :mod:`edgerec.values.where`.
        deadline_ms : float > 0, optional
            Where time runs out fewer candidates are ranked, or none; ``cut`` says so.

        Returns
        -------
        Results
            ``cold`` where nothing was known; then the most popular items.

        Raises
        ------
        InvalidInput
            An argument cannot be used; the message says which.
        DeadlineExceeded
            The time was over before the work could start.
        """
        parts = self._parts("recommend")

        def one(who: str | None) -> Results:
            return recommend(
                parts,
                self._pace,
                user=who,
                history=history,
                k=k,
                where=where,
                deadline_ms=deadline_ms,
            )

        return _each(one, user) if isinstance(user, list) else one(user)

    @overload
    def search(
        self,
        query: list[str],
        *,
        k: int = 10,
        where: Where | None = None,
        user: str | None = None,
        history: Sequence[str] | None = None,
        deadline_ms: float | None = None,
    ) -> list[Results]: ...
    @overload
    def search(
        self,
        query: str,
        *,
        k: int = 10,
        where: Where | None = None,
        user: str | None = None,
        history: Sequence[str] | None = None,
        deadline_ms: float | None = None,
    ) -> Results: ...
    def search(
        self,
        query: str | list[str],
        *,
        k: int = 10,
        where: Where | None = None,
        user: str | None = None,
        history: Sequence[str] | None = None,
        deadline_ms: float | None = None,
    ) -> Results | list[Results]:
        """Items for a query, personal where ``user`` or ``history`` is given.

        Words that the shop has never seen are answered by their parts and counted in
        ``unknown["words"]``. Arguments and errors are those of :meth:`recommend`.
        """
        parts = self._parts("search")

        def one(text: str) -> Results:
            return search(
                parts,
                self._pace,
                text,
                user=user,
                history=history,
                k=k,
                where=where,
                deadline_ms=deadline_ms,
            )

        return _each(one, query) if isinstance(query, list) else one(query)

    def rank(
        self,
        request: Mapping[str, Any],
        candidates: Sequence[str],
        *,
        features: Mapping[str, Any] | None = None,
        k: int | None = None,
        deadline_ms: float | None = None,
    ) -> Results:
        """Order somebody else's candidates.

        Parameters
        ----------
        request : mapping
            Some of ``user``, ``history``, ``query``.
        candidates : sequence of 1 to 10000 str
            Item ids; duplicates count once.
        features : mapping of str to record, optional
            Attributes of candidates by id, for items that the catalogue does not have or has
            otherwise. Candidates that are neither known nor described are left out and counted in
            ``unknown["candidates"]``.
        k : int, optional
            All of them where it is absent.

        In a bundle of one model ``request`` holds the model's user, query and context inputs, and
        ``features`` its item and pair inputs, as arrays.
        """
        if self._closed or self._shop_parts is not None:
            return rank(
                self._parts("rank"),
                self._pace,
                request,
                candidates,
                features=features,
                k=k,
                deadline_ms=deadline_ms,
            )
        (session,) = self._sessions.values()
        return rank_inputs(session, self.version, request, candidates, features=features, k=k)

    def similar(self, item: str, *, k: int = 10, where: Where | None = None) -> Results:
        """Items whose vectors are nearest to that of ``item``, which is left out."""
        return similar(self._parts("similar"), item, k=k, where=where)

    def upsert(self, items: Sequence[Mapping[str, Any]]) -> Change:
        """Add or replace items; the next request sees them.

        Parameters
        ----------
        items : sequence of records
            With ``id`` and the catalogue's attributes; a new item's popularity may be left out.
        """
        parts = self._parts("upsert")
        if isinstance(items, Mapping | str):
            raise InvalidInput(f"upsert takes a list of records, got {type(items).__name__}")
        schema = parts.catalog.snapshot().schema
        batch = Items.from_records(with_defaults(items, parts.settings), schema)
        vectors = encode_items(parts.sessions["item_tower"], parts.spec, batch)
        return Change(parts.catalog.upsert(batch, vectors))

    def update(self, item: str, **attributes: Any) -> Change:
        """Change attributes of one item without touching its vector."""
        return Change(self._parts("update").catalog.update(item, **attributes))

    def delete(self, ids: Sequence[str]) -> Change:
        """Remove items; ids that are not there are counted in ``unknown``."""
        sequence, unknown = self._parts("delete").catalog.delete(ids)
        return Change(sequence, unknown)

    def items(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The attributes of known items, in the order of ``ids``."""
        snapshot = self._parts("items").catalog.snapshot()
        rows, _ = snapshot.rows_of(ids)
        return [snapshot.record(int(row)) for row in rows]

    def history(self, user: str) -> list[str]:
        """Items that a user is known to have touched and that are still there, oldest first."""
        parts = self._parts("history")
        snapshot = parts.catalog.snapshot()
        visitor = parts.visitors.find(snapshot, user, None, limit=parts.spec.history_length)
        ids = snapshot.ids(visitor.rows)
        return [identifier for identifier in ids if snapshot.row(identifier) is not None]

    def verify(self) -> Replay:
        """Ask the golden requests again; QualityLost where the answers changed."""
        self._require_open()
        golden = self._bundle.section("golden")
        if self._shop_parts is None:
            (session,) = self._sessions.values()
            return replay_inputs(self._bundle, session, golden)
        return replay(self._ask, golden)

    def warm(self) -> Self:
        """Build every session now, in this process; returns the engine."""
        self._require_open()
        for session in self._sessions.values():
            session.warm()
        return self

    def info(self) -> dict[str, Any]:
        """What is open here, JSON-ready: version, models, catalogue, threads, warnings."""
        self._require_open()
        parts = self._shop_parts
        snapshot = parts.catalog.snapshot() if parts else None
        return {
            "version": self.version,
            "path": str(self._bundle.path),
            "threads": self._threads,
            "models": {name: m.plan.chosen.variant.label for name, m in self._models.items()},
            "items": snapshot.live if snapshot else 0,
            "sequence": snapshot.sequence if snapshot else 0,
            "users": len(parts.visitors) if parts else 0,
            "strategy": parts.retriever.strategy.to_dict() if parts else None,
            "warnings": [w for model in self._models.values() for w in warnings_for(model)],
        }

    def close(self) -> None:
        """Release the sessions; every later call raises EngineClosed."""
        if not self._closed:
            self._closed = True
            for session in self._sessions.values():
                session.close()
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

    def _ask(self, request: Mapping[str, Any]) -> Results:
        history: list[str] | None = request.get("history")
        k: int = request["k"]
        if request["task"] == "search":
            query: str = request["query"]
            return self.search(query, history=history, k=k)
        return self.recommend(history=history, k=k)

    def _parts(self, task: str) -> Parts:
        self._require_open()
        if self._shop_parts is None:
            raise InvalidInput(
                f"{task} needs a catalogue; this bundle holds the model "
                f"{', '.join(self._models)} alone and answers rank. Build a shop's bundle with "
                "`edgerec build recipe.toml`"
            )
        return self._shop_parts

    def _require_open(self) -> None:
        if self._closed:
            raise EngineClosed("this engine is closed; open the bundle again")


def _each(one: Callable[[Key], Results], keys: Sequence[Key]) -> list[Results]:
    return [one(key) for key in keys]
