"""Ranges of activations, streamed over requests: memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgerec.compression.observation import observe
from edgerec.errors import ValueRangeError
from edgerec.values.model import Model
from edgerec.values.signature import Arrays

__all__ = ["Histogram", "Range", "calibrate"]

BINS = 4096
LEVELS = 255
SHARES = np.linspace(1.0, 0.1, 46)
"""Of the whole range, tried for the least error, the widest first."""


@dataclass(frozen=True, slots=True)
class Range:
    """What uint8 codes stand for: ``low <= 0 <= high``, so that 0 (padding) is exact.

    A code ``c`` is the value ``(c - zero_point) * scale``.
    """

    low: float
    high: float

    @property
    def scale(self) -> np.float32:
        """Distance of two codes; above 0 even where nothing but 0 was seen."""
        width = self.high - self.low
        return np.float32(width / LEVELS if width > np.finfo(np.float32).tiny * 1e6 else 1.0)

    @property
    def zero_point(self) -> np.uint8:
        """Code of 0."""
        return np.uint8(np.clip(np.rint(-self.low / self.scale), 0, LEVELS))


class Histogram:
    """Counts of values in ``BINS`` equal bins around 0; bins are joined in pairs as values grow.

    The smallest and the largest value are kept as they are.
    """

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self._reach = 0.0
        self._counts = np.zeros(BINS, np.int64)

    def add(self, values: NDArray[np.float32]) -> None:
        """Count values; they must be finite.

        Raises
        ------
        ValueRangeError
            One is NaN or infinite.
        """
        low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
        if not np.isfinite(low) or not np.isfinite(high):
            raise ValueRangeError("an activation is NaN or infinite on the calibration requests")
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._widen(max(-low, high))
        if self._reach:
            # in [-1, 1], however small the values are
            shares = values.reshape(-1).astype(np.float64) / self._reach
            places = ((shares + 1) * (BINS / 2)).astype(np.int64)
            np.minimum(places, BINS - 1, out=places)  # the largest value closes the last bin
            self._counts += np.bincount(places, minlength=BINS)

    def range(self, percentile: float | None = None) -> Range:
        """Choose a range.

        Parameters
        ----------
        percentile : float in (50, 100], optional
            All but ``100 - percentile`` per cent lie inside, half of the rest on each side; 100 is
            smallest to largest. None: the range with the least mean square error of rounding and
            clipping together.
        """
        if percentile is None:
            return self._least_error()
        if percentile >= 100.0 or not self._reach:
            return Range(self.low, self.high)
        beyond = self._counts.sum() * (100.0 - percentile) / 200.0
        below = np.searchsorted(np.cumsum(self._counts), beyond, side="right")
        above = np.searchsorted(np.cumsum(self._counts[::-1]), beyond, side="right")
        width = 2 * self._reach / BINS
        return Range(
            min(0.0, max(self.low, -self._reach + width * float(below))),
            max(0.0, min(self.high, self._reach - width * float(above))),
        )

    def _least_error(self) -> Range:
        middles = (np.arange(BINS) + 0.5) * (2 * self._reach / BINS) - self._reach
        best, least = Range(self.low, self.high), np.inf
        for share in SHARES:
            tried = Range(self.low * share, self.high * share)
            clipped = middles - np.clip(middles, tried.low, tried.high)
            error = np.average(clipped**2, weights=self._counts) if self._reach else 0.0
            error += float(tried.scale) ** 2 / 12
            if error < least:
                best, least = tried, error
        return best

    def _widen(self, reach: float) -> None:
        if not self._reach:
            self._reach = reach
        while self._reach < reach:
            joined = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.zeros(BINS, np.int64)
            self._counts[BINS // 4 : BINS // 4 * 3] = joined
            self._reach *= 2.0


def calibrate(
    model: Model,
    tensors: Iterable[str],
    requests: Sequence[Arrays],
    *,
    percentile: float | None = None,
) -> dict[str, Range]:
    """Measure the range of float32 tensors inside a model.

    Parameters
    ----------
    model : Model
    tensors : iterable of str
        Names in the graph, inputs included.
    requests : sequence of inputs
        At least one.
    percentile : float in (50, 100], optional
        Share of the values that lies inside; see :meth:`Histogram.range` for None.

    Raises
    ------
    ValueRangeError
        No requests, a percentile out of range, or an activation that is not finite.
    """
    if percentile is not None and not 50.0 < percentile <= 100.0:
        raise ValueRangeError(f"percentile must lie in (50, 100], got {percentile}")
    histograms = {name: Histogram() for name in tensors}
    for found in observe(model, histograms, requests):
        for name, histogram in histograms.items():
            histogram.add(found[name])
    return {name: histogram.range(percentile) for name, histogram in histograms.items()}
