"""An engine: a bundle that was opened in a process, and what it can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, overload

from edgerec.backends.session import Session
from edgerec.bundle.reader import Bundle
from edgerec.catalog.catalog import Catalog
from edgerec.engine import changes
from edgerec.engine.asking import Asking
from edgerec.engine.golden import Replay, ask, replay, replay_inputs
from edgerec.engine.models import ShippedModel, warnings_for
from edgerec.engine.rank import rank
from edgerec.engine.recommend import recommend
from edgerec.engine.search import search
from edgerec.engine.serving import Serving
from edgerec.engine.similar import similar
from edgerec.engine.single_model import rank_inputs
from edgerec.engine.tables import Prefault, bring_in, memory_info
from edgerec.errors import EngineClosed, InvalidInput
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.upkeep import Upkeep
from edgerec.values.results import Change, Results
from edgerec.values.where import Where

__all__ = ["Engine"]


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
        serving: Serving | None,
        *,
        threads: int,
        prefault: Prefault = "none",
    ) -> None:
        self._bundle = bundle
        self._models = models
        self._sessions = sessions
        self._shop = serving
        self._threads = threads
        self._prefault = prefault
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
        serving = self._serving("recommend")
        if not isinstance(user, list):
            return recommend(serving, Asking(user, history, k, where, deadline_ms))
        if history is not None:
            raise InvalidInput("history belongs to one visitor: give a list of users without it")
        return [recommend(serving, Asking(who, None, k, where, deadline_ms)) for who in user]

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
        serving = self._serving("search")
        asking = Asking(user, history, k, where, deadline_ms)
        if not isinstance(query, list):
            return search(serving, query, asking)
        return [search(serving, text, asking) for text in query]

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
        deadline_ms : float > 0, optional
            Where time runs out fewer candidates are ranked, the first ones; ``cut`` says so.

        In a bundle of one model ``request`` holds the model's user, query and context inputs, and
        ``features`` its item and pair inputs, as arrays.

        Returns
        -------
        Results
            Equal scores in the order of ``candidates``.

        Raises
        ------
        InvalidInput, DeadlineExceeded
            As :meth:`recommend`.
        """
        if self._closed or self._shop is not None:
            serving = self._serving("rank")
            return rank(
                serving, request, candidates, features=features, k=k, deadline_ms=deadline_ms
            )
        (session,) = self._sessions.values()
        return rank_inputs(
            session,
            self.version,
            request,
            candidates,
            features=features,
            k=k,
            deadline_ms=deadline_ms,
        )

    def similar(self, item: str, *, k: int = 10, where: Where | None = None) -> Results:
        """Items whose vectors are nearest to that of ``item``, which is left out.

        Raises
        ------
        InvalidInput
            There is no such item, or an argument cannot be used.
        """
        return similar(self._serving("similar"), item, Asking(k=k, where=where))

    def upsert(self, items: Sequence[Mapping[str, Any]]) -> Change:
        """Add or replace items; the next request sees them.

        Parameters
        ----------
        items : sequence of records
            With ``id`` and the catalogue's attributes. Where the popularity is left out an item
            keeps the one it has; a new one has none yet.

        Raises
        ------
        InvalidInput
            A record cannot be used; then nothing changes.
        """
        return changes.upsert(self._serving("upsert"), items)

    def update(self, item: str, /, **attributes: Any) -> Change:
        """Change attributes of one item, such as price and stock, without touching its vector.

        Raises
        ------
        InvalidInput
            There is no such item, a value cannot be used, or the vector is made of the attribute.
        UnknownAttribute
            The catalogue does not have it.
        """
        return changes.update(self._serving("update"), item, attributes)

    def update_many(self, ids: Sequence[str], /, **columns: Any) -> Change:
        """Change attributes of many items at once, as stock and price feeds do.

        Parameters
        ----------
        ids : sequence of str
            Where one stands more than once, its last values count.
        **columns : sequence or array
            New values by attribute, one an id, such as ``price=[9.99, 12.5]``.

        Returns
        -------
        Change
            ``unknown`` counts ids that are not there; what else was given for them is passed over.

        Raises
        ------
        InvalidInput
            A value cannot be used, or vectors are made of the attribute; then nothing changes.
        UnknownAttribute
            The catalogue does not have it.
        """
        return changes.update_many(self._serving("update_many"), ids, columns)

    def delete(self, ids: Sequence[str]) -> Change:
        """Remove items; ids that are not there are counted in ``unknown``."""
        return changes.delete(self._serving("delete"), ids)

    def compact(self) -> None:
        """Renumber the items without the rows that changes left behind, and renew the index.

        Searches and changes go on meanwhile; this call waits. An engine that was opened with
        ``upkeep`` does it by itself when more than a fifth of the rows are dead or came later.

        Raises
        ------
        ValueRangeError
            No item is left.
        LimitExceeded
            More than a million items were changed meanwhile; nothing was compacted.
        """
        serving = self._serving("compact")
        (serving.upkeep or Upkeep(serving.retriever)).compact()

    def items(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The attributes of known items, in the order of ``ids``."""
        given: object = ids
        if isinstance(given, str | bytes) or not isinstance(given, Sequence):
            raise InvalidInput(f"items takes a list of item ids, got {given!r}")
        snapshot = self._serving("items").catalog.snapshot()
        rows, _ = snapshot.rows_of(given)
        return [snapshot.record(int(row)) for row in rows]

    def history(self, user: str) -> list[str]:
        """Items that a user is known to have touched and that are still there, oldest first."""
        serving = self._serving("history")
        snapshot = serving.catalog.snapshot()
        visitor = serving.visitors.find(snapshot, user, None, limit=serving.spec.history_length)
        return list(snapshot.ids(visitor.rows))

    def verify(self) -> Replay:
        """Ask the golden requests again, of the catalogue as it was built.

        Raises
        ------
        QualityLost
            The answers changed.
        """
        self._require_open()
        golden = self._bundle.section("golden")
        if self._shop is None:
            (session,) = self._sessions.values()
            return replay_inputs(self._bundle, session, golden)
        catalog = Catalog.read(self._bundle)
        retriever = Retriever.read(self._bundle, catalog, threads=self._threads)
        built = replace(self._shop, catalog=catalog, retriever=retriever)
        return replay(lambda request: ask(built, request), golden)

    def warm(self) -> Self:
        """Build every session now, in this process; returns the engine.

        After a fork also bring in what ``prefault`` named, which the child has not mapped yet.
        """
        self._require_open()
        bring_in(self._bundle, self._prefault)
        for session in self._sessions.values():
            session.warm()
        return self

    def info(self) -> dict[str, Any]:
        """What is open here, JSON-ready: version, models, catalogue, memory, threads, warnings."""
        self._require_open()
        serving = self._shop
        snapshot = serving.catalog.snapshot() if serving else None
        return {
            "version": self.version,
            "path": str(self._bundle.path),
            "threads": self._threads,
            "models": {name: m.plan.chosen.variant.label for name, m in self._models.items()},
            "items": snapshot.live if snapshot else 0,
            "sequence": snapshot.sequence if snapshot else 0,
            "users": len(serving.visitors) if serving else 0,
            "memory": memory_info(self._bundle, snapshot, self._prefault),
            "strategy": serving.retriever.strategy.to_dict() if serving else None,
            "upkeep": serving.upkeep.info() if serving and serving.upkeep else None,
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

    def _serving(self, task: str) -> Serving:
        self._require_open()
        if self._shop is None:
            raise InvalidInput(
                f"{task} needs a catalogue; this bundle holds the model "
                f"{', '.join(self._models)} alone and answers rank. Build a shop's bundle with "
                "`edgerec build recipe.toml`"
            )
        return self._shop

    def _require_open(self) -> None:
        if self._closed:
            raise EngineClosed("this engine is closed; open the bundle again")
