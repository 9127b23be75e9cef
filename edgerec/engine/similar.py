"""Items like another one."""

from __future__ import annotations

from edgerec.engine.asking import Asking, begin
from edgerec.engine.serving import Serving
from edgerec.errors import InvalidInput
from edgerec.values.results import Results

__all__ = ["similar"]


def similar(serving: Serving, item: str, asking: Asking) -> Results:
    """See :meth:`edgerec.engine.engine.Engine.similar`."""
    request = begin(serving, asking)
    snapshot = request.snapshot
    rows, unknown = snapshot.rows_of([item])
    if unknown:
        raise InvalidInput(f"no item {item!r} in the catalogue; upsert it first")
    with request.stages.stage("retrieve"):
        eligible = snapshot.eligible(request.condition, rows)
        vector = snapshot.vectors_of(rows)[0]
        hits = serving.retriever.search(snapshot, vector, request.k, eligible=eligible)
    return request.results(snapshot.ids(hits.rows), hits.scores, serving.version)
