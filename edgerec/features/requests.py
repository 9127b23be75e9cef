"""Shoppers and what they typed to tensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgerec.errors import ShapeError
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import ngram_ids

__all__ = ["query_inputs", "user_inputs"]


def user_inputs(spec: FeatureSpec, history: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Prepare a history for a user tower.

    Parameters
    ----------
    history : (n, dim) float32
        Vectors of the items a user turned to, most recent last; may be empty.

    Returns
    -------
    dict
        ``history`` (1, length, dim) float32: the last ``spec.history_length`` vectors, or one
        vector of zeros (padding) where there are none.

    Raises
    ------
    ShapeError
        The vectors have another length than the spec says.
    """
    if history.ndim != 2 or history.shape[1] != spec.dim:
        raise ShapeError(f"history wants shape (n, {spec.dim}), got {history.shape}")
    latest = history[-spec.history_length :]
    if not len(latest):
        latest = np.zeros((1, spec.dim), np.float32)
    return {"history": np.ascontiguousarray(latest[None], np.float32)}


def query_inputs(spec: FeatureSpec, text: str) -> dict[str, NDArray[np.int64]]:
    """Prepare what was typed for a query tower: ``text`` (1, length) int64."""
    return {"text": ngram_ids([text], spec.text)}
