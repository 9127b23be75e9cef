"""Generated vectors: clusters, a low rank without clusters, norms that vary with popularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clustered", "LowRank", "PopularNorms", "clustered", "low_rank", "popular_norms"]

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clustered:
    """Clusters whose sizes fall as a power of their rank, in noise as wide as they lie apart."""

    n: int = 1_000_000
    dim: int = 128
    queries: int = 1000
    clusters: int = 5000
    apart: float = 0.8
    seed: int = 1


@dataclass(frozen=True, slots=True)
class LowRank:
    """Half the length of a vector in a few directions of falling weight, the rest everywhere."""

    n: int = 1_000_000
    dim: int = 128
    queries: int = 1000
    rank: int = 32
    noise: float = 0.4
    seed: int = 2


@dataclass(frozen=True, slots=True)
class PopularNorms:
    """Norms are log-normal, and queries come from another distribution than the items."""

    n: int = 1_000_000
    dim: int = 128
    queries: int = 1000
    rank: int = 48
    clusters: int = 1000
    spread: float = 0.35
    seed: int = 3


def clustered(
    *, n: int, dim: int, queries: int, clusters: int, apart: float, seed: int
) -> tuple[Vectors, Vectors]:
    """Unit vectors: ``apart`` times a cluster's normal centre, and unit normal noise."""
    rng = np.random.default_rng(seed)
    share = np.arange(1, clusters + 1) ** -0.5
    centres = apart * rng.standard_normal((clusters, dim), np.float32)
    x = rng.standard_normal((n + queries, dim), np.float32)
    x += centres[rng.choice(clusters, n + queries, p=share / share.sum())]
    x = _unit(x)
    return x[:n], x[n:]


def low_rank(
    *, n: int, dim: int, queries: int, rank: int, noise: float, seed: int
) -> tuple[Vectors, Vectors]:
    """Unit vectors: ``rank`` directions that weigh i^-1/2, and noise of length ``noise``."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n + queries, rank), np.float32) * _weights(rank)
    x = x @ _basis(rng, rank, dim)
    x += np.float32(noise / np.sqrt(dim)) * rng.standard_normal(x.shape, np.float32)
    x = _unit(x)
    return x[:n], x[n:]


def popular_norms(
    *, n: int, dim: int, queries: int, rank: int, clusters: int, spread: float, seed: int
) -> tuple[Vectors, Vectors]:
    """Item tower and query tower: loose clusters with log-normal norms, queries without either.

    The logarithm of an item's norm has the standard deviation ``spread``.  Queries lie in the same
    directions, weighted otherwise and shifted to one side, as shoppers are who look for a few
    things of all that there are.
    """
    rng = np.random.default_rng(seed)
    basis, weights = _basis(rng, rank, dim), _weights(rank)
    centres = rng.standard_normal((clusters, rank), np.float32)
    x = 0.7 * rng.standard_normal((n, rank), np.float32) + centres[rng.integers(clusters, size=n)]
    items = (x * weights) @ basis
    items += np.float32(0.3 / np.sqrt(dim)) * rng.standard_normal(items.shape, np.float32)
    items = _unit(items) * np.exp(spread * rng.standard_normal((n, 1), np.float32))
    side = 0.5 * rng.standard_normal((1, rank), np.float32)
    asked = np.tanh(1.5 * rng.standard_normal((queries, rank), np.float32)) + side
    asked = (asked * rng.permutation(weights)) @ basis
    asked += np.float32(0.5 / np.sqrt(dim)) * rng.standard_normal(asked.shape, np.float32)
    return items, _unit(asked)


def _basis(rng: np.random.Generator, rank: int, dim: int) -> Vectors:
    """Orthogonal directions, (rank, dim)."""
    return np.linalg.qr(rng.standard_normal((dim, rank)))[0].T.astype(np.float32)


def _weights(rank: int) -> Vectors:
    """Lengths that fall as i^-1/2; their squares add up to 1."""
    weights = np.arange(1, rank + 1) ** -0.5
    return (weights / np.linalg.norm(weights)).astype(np.float32)


def _unit(x: NDArray[Any]) -> Vectors:
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x
