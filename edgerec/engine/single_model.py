"""Rank with a bundle of one model: the caller gives the model's own inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgerec.backends.session import Session
from edgerec.engine.asking import check_candidates
from edgerec.engine.deadline import Deadline, Stages
from edgerec.errors import BackendError, InvalidInput, ShapeError, SignatureError
from edgerec.kernels.topk import top_k
from edgerec.retrieval.index import check_k
from edgerec.values.results import Results
from edgerec.values.signature import Array, Meaning, Role

__all__ = ["rank_inputs"]

REQUEST_ROLES = (Role.USER, Role.QUERY, Role.CONTEXT)
ROW_ROLES = (Role.ITEM, Role.PAIR)


def rank_inputs(
    session: Session,
    version: str,
    request: Mapping[str, Any],
    candidates: Sequence[str],
    *,
    features: Mapping[str, Any] | None,
    k: int | None,
    deadline_ms: float | None,
) -> Results:
    """Score ``candidates`` whose item and pair inputs are ``features``.

    Parameters
    ----------
    request : mapping
        Inputs with the roles user, query and context, leading dimension 1.
    candidates : sequence of n str, all different
    features : mapping
        Inputs with the roles item and pair, leading dimension n.

    Raises
    ------
    SignatureError
        The model makes embeddings, or an input stands on the wrong side.
    ShapeError
        The inputs are of another number of candidates.
    """
    output = session.signature.outputs[0]
    if output.meaning is Meaning.EMBEDDING:
        raise SignatureError(f"output {output.name!r} is an embedding: this model cannot rank")
    ids = check_candidates(candidates)
    if len(ids) < len(candidates):
        raise InvalidInput("candidates must differ: each has its own row of features")
    limit = len(ids) if k is None else check_k(k)
    inputs = {
        **_of_roles(session, request, REQUEST_ROLES, "request"),
        **_of_roles(session, features or {}, ROW_ROLES, "features"),
    }
    Deadline(deadline_ms).require("the model")
    stages = Stages()
    with stages.stage("rank"):
        scores = _scores(session.run(inputs)[output.name], session, len(ids))
        best, scores = top_k(scores, min(limit, len(ids)))
    return Results(tuple(ids[place] for place in best), scores, version, 0, stages.us)


def _of_roles(
    session: Session, given: Mapping[str, Any], roles: tuple[Role, ...], side: str
) -> Mapping[str, Any]:
    inputs: object = given
    wanted = {tensor.name for tensor in session.signature.inputs_of(*roles)}
    if not isinstance(inputs, Mapping) or set(inputs) != wanted:
        came = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else repr(inputs)
        raise SignatureError(
            f"{side} holds the inputs {', '.join(sorted(wanted)) or 'none'}; got {came or 'none'}"
        )
    return inputs


def _scores(array: Array, session: Session, candidates: int) -> Array:
    scores = array.reshape(-1)
    if len(scores) != candidates:
        raise ShapeError(
            f"the model gave {len(scores)} scores for {candidates} candidates: "
            "the leading dimension of item and pair inputs must be the number of candidates"
        )
    if not (abs(scores) < float("inf")).all():
        raise BackendError(f"the model computed NaN or infinity on {session.backend}")
    return scores
