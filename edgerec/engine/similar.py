"""Items like another one."""

from __future__ import annotations

from edgerec.engine.cascade import Request, check_k
from edgerec.engine.deadline import Deadline, Stages
from edgerec.engine.parts import Parts
from edgerec.errors import InvalidInput
from edgerec.features.pairs import HistoryProfile
from edgerec.values.results import Results
from edgerec.values.where import Where, parse_where

__all__ = ["similar"]


def similar(parts: Parts, item: str, *, k: int, where: Where | None) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.similar`."""
    k, condition, stages = check_k(k), parse_where(where), Stages()
    snapshot = parts.catalog.snapshot()
    rows, unknown = snapshot.rows_of([item])
    if unknown:
        raise InvalidInput(f"no item {item!r} in the catalogue; upsert it first")
    with stages.stage("retrieve"):
        eligible = snapshot.eligible(condition, rows)
        hits = parts.retriever.search(snapshot, snapshot.vectors_of(rows)[0], k, eligible=eligible)
    request = Request(
        snapshot, k, HistoryProfile.empty(parts.spec.dim), None, Deadline(None), stages
    )
    return request.results(parts, snapshot.ids(hits.rows), hits.scores)
