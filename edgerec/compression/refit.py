"""Least squares for a layer whose inputs were taken away, in closed form.

Source: Hassibi and Stork, "Second order derivatives for network pruning: optimal brain surgeon"
(1993), for a block of inputs at a time and all outputs of a layer at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gram", "Layer", "Refit", "Residuals", "eliminate"]

Matrix = NDArray[np.float64]
RIDGES = (1e-6, 1e-4, 1e-2, 1.0)
"""Relative to the mean square of an input; which one is decided on held-out requests."""
DAMPING = 1e-4
DAMPING_OF_FEW = 0.1
"""Damping with as many rows as inputs; half of it with twice as many."""


@dataclass(slots=True, eq=False)
class Gram:
    """Sums over rows of ``x xᵀ``; with ``bias`` a constant input 1 stands last."""

    bias: bool
    rows: int = 0
    matrix: Matrix = field(default_factory=lambda: np.zeros((0, 0)))

    def add(self, inputs: NDArray[np.float32]) -> None:
        """Add the rows of one request, (…, inputs) float32."""
        x = _rows(inputs, self.bias)
        if not self.rows:
            self.matrix = np.zeros((x.shape[1],) * 2)
        self.matrix += x.T @ x
        self.rows += len(x)

    def damped(self) -> Matrix:
        """Add to the diagonal, more where few rows were seen: what they did not use may be used."""
        share = max(DAMPING, DAMPING_OF_FEW * len(self.matrix) / max(1, self.rows))
        return self.matrix + _ridge(self.matrix, share)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A product that reads the channels.

    ``gram`` of its inputs, ``weights`` (p, outputs) float64 with the bias as last row where it has
    one; the channels are rows ``offset:`` of both.
    """

    gram: Gram
    weights: Matrix
    offset: int


def eliminate(
    layers: Sequence[Layer], size: int, stops: Sequence[int]
) -> Iterator[tuple[NDArray[np.int64], list[Matrix]]]:
    """Take channels away, the least missed first, refitting the layers after each block.

    Parameters
    ----------
    layers : sequence of Layer
        All products that read the channels; each counts by its share of lost output energy.
    size : int
        Number of channels.
    stops : sequence of int
        Numbers of channels to stop at, descending, each in ``[1, size]``.

    Yields
    ------
    kept : (stop,) int64
        Channels that are left, ascending.
    weights : list of (p, outputs) float64
        Of each layer, refitted; rows of removed channels are 0.
    """
    states = [_Elimination(layer) for layer in layers]
    kept = np.arange(size)
    block = max(1, size // 128)
    for stop in stops:
        while len(kept) > stop:
            costs = sum((state.costs(kept) for state in states), np.zeros(len(kept)))
            count = min(block, len(kept) - stop)
            gone = kept[np.argsort(costs, kind="stable")[:count]]
            for state in states:
                state.remove(gone)
            kept = np.setdiff1d(kept, gone)
        yield kept, [state.weights.copy() for state in states]


class _Elimination:
    """One layer's inverse Gram matrix and weights, updated as inputs go."""

    def __init__(self, layer: Layer) -> None:
        damped = layer.gram.damped()
        self.weights = layer.weights.copy()
        self._inverse = np.linalg.inv(damped)
        self._offset = layer.offset
        energy = float(np.einsum("ij,ij->", layer.weights, damped @ layer.weights))
        self._energy = energy or 1.0

    def costs(self, channels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Output energy lost with each channel alone, after the best refit; a share."""
        rows = channels + self._offset
        lost = np.square(self.weights[rows]).sum(axis=1) / self._inverse[rows, rows]
        shares: NDArray[np.float64] = lost / self._energy
        return shares

    def remove(self, channels: NDArray[np.int64]) -> None:
        rows = channels + self._offset
        across = self._inverse[:, rows]
        solved = np.linalg.solve(across[rows], np.hstack([self.weights[rows], across.T]))
        outputs = self.weights.shape[1]
        self.weights -= across @ solved[:, :outputs]
        self._inverse -= across @ solved[:, outputs:]
        self.weights[rows] = 0.0
        self._inverse[rows] = self._inverse[:, rows] = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """``weights`` (p, outputs) float64, bias last; squared errors over all rows before and after.

    ``error <= plain_error``, up to rounding: the ridge pulls towards the plain weights.
    """

    weights: Matrix
    plain_error: float
    error: float


class Residuals:
    """Normal equations of what plain pruning leaves, streamed; two halves to choose the ridge.

    Parameters
    ----------
    weights : (p, outputs) float64
        The plain weights, bias last where ``bias``.
    bias : bool
        Whether the layer has a bias to refit too.
    """

    def __init__(self, weights: Matrix, *, bias: bool) -> None:
        inputs, outputs = weights.shape
        self._weights, self._bias = weights, bias
        self._halves = tuple(
            _Sums(np.zeros((inputs, inputs)), np.zeros((inputs, outputs))) for _ in range(2)
        )
        self._requests = 0

    def add(self, inputs: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
        """Add one request: (…, inputs) as they are now, (…, outputs) as they were before."""
        x = _rows(inputs, self._bias)
        rest = wanted.reshape(-1, wanted.shape[-1]).astype(np.float64) - x @ self._weights
        self._halves[self._requests % 2].add(x, rest)
        self._requests += 1

    def solve(self) -> Refit:
        """Choose the ridge that fits the other half best, then fit both; or fit nothing."""
        first, second = self._halves
        trials = {0.0: first.error + second.error} | {
            ridge: first.error_of(second.fit(ridge)) + second.error_of(first.fit(ridge))
            for ridge in RIDGES
        }
        best = min(trials, key=lambda ridge: trials[ridge])
        both = first.joined(second)
        change = both.fit(best) if best else np.zeros_like(self._weights)
        return Refit(self._weights + change, both.error, both.error_of(change))


@dataclass(slots=True, eq=False)
class _Sums:
    """``xᵀx``, ``xᵀr`` and ``rᵀr`` over rows."""

    gram: Matrix
    cross: Matrix
    error: float = 0.0

    def add(self, x: Matrix, rest: Matrix) -> None:
        self.gram += x.T @ x
        self.cross += x.T @ rest
        self.error += float(np.square(rest).sum())

    def joined(self, other: _Sums) -> _Sums:
        return _Sums(self.gram + other.gram, self.cross + other.cross, self.error + other.error)

    def fit(self, ridge: float) -> Matrix:
        change = np.linalg.solve(self.gram + _ridge(self.gram, ridge), self.cross)
        return np.asarray(change, np.float64)

    def error_of(self, change: Matrix) -> float:
        fitted = np.einsum("ij,ij->", change, self.gram @ change)
        return float(self.error - 2 * np.einsum("ij,ij->", change, self.cross) + fitted)


def _rows(inputs: NDArray[np.float32], bias: bool) -> Matrix:
    x = inputs.reshape(-1, inputs.shape[-1]).astype(np.float64)
    return np.hstack([x, np.ones((len(x), 1))]) if bias else x


def _ridge(gram: Matrix, share: float) -> Matrix:
    """``share`` of the mean diagonal; positive even where no input was ever other than 0."""
    size = max(float(np.trace(gram)) / len(gram), np.finfo(np.float64).tiny ** 0.5)
    return np.asarray(share * size * np.eye(len(gram)), np.float64)
