"""Rank with a bundle of one model: the caller gives the model's own inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgerec.backends.session import Session
from edgerec.engine.cascade import MAX_K, check_k
from edgerec.engine.deadline import Stages
from edgerec.errors import LimitExceeded, ShapeError, SignatureError
from edgerec.kernels.topk import top_k
from edgerec.values.results import Results
from edgerec.values.signature import Meaning

__all__ = ["rank_inputs"]


def rank_inputs(
    session: Session,
    version: str,
    request: Mapping[str, Any],
    candidates: Sequence[str],
    *,
    features: Mapping[str, Any] | None,
    k: int | None,
) -> Results:
    """Score ``candidates`` whose item and pair inputs are ``features``.

    Parameters
    ----------
    request : mapping
        Inputs with the roles user, query and context, leading dimension 1.
    candidates : sequence of n str
    features : mapping
        Inputs with the roles item and pair, leading dimension n.
    """
    (output,) = session.signature.outputs[:1]
    if output.meaning is Meaning.EMBEDDING:
        raise SignatureError(f"output {output.name!r} is an embedding: this model cannot rank")
    if not 1 <= len(candidates) <= MAX_K:
        raise LimitExceeded(f"rank takes 1 to {MAX_K} candidates, got {len(candidates)}")
    limit = len(candidates) if k is None else check_k(k)
    stages = Stages()
    with stages.stage("rank"):
        scores = session.run({**request, **(features or {})})[output.name].reshape(-1)
        if len(scores) != len(candidates):
            raise ShapeError(
                f"the model gave {len(scores)} scores for {len(candidates)} candidates: "
                "the leading dimension of item and pair inputs must be the number of candidates"
            )
        best, scores = top_k(scores.astype(np.float32), min(limit, len(scores)))
    ids = tuple(candidates[place] for place in best)
    return Results(ids, scores, version, 0, stages.us)
