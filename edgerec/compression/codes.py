"""Stored tensors as int8 codes and scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BiasCodes", "Codes", "encode", "encode_bias", "weight_limit"]

BIAS_LIMIT = 2.0**30
"""Half of int32: the other half is left to the products that are added."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """``codes * scales`` stands for the tensor.

    ``codes`` int8; ``scales`` float32 > 0, of rank 0 or one for each index of an axis.
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class BiasCodes:
    """A bias in units of the product it is added to: int32 ``codes``, float32 ``scales`` > 0."""

    codes: NDArray[np.int32]
    scales: NDArray[np.float32]


def weight_limit(seven_bit: bool) -> int:
    """Give the largest code: 63 where a CPU without VNNI must not saturate, else 127.

    Such a CPU adds two products of a uint8 and an int8 in int16: 2 * 255 * 63 fits, 2 * 255 * 127
    does not.
    """
    return 63 if seven_bit else 127


def encode(
    weights: NDArray[np.float32],
    limit: int,
    *,
    axis: int | None,
    floor: NDArray[np.float64] | float = 0.0,
) -> Codes:
    """Round to codes in ``[-limit, limit]``, half to even.

    Parameters
    ----------
    weights : float32, finite
    limit : int in [1, 127]
    axis : int or None
        One scale for each index of this axis; None for one in all.
    floor : float64 >= 0
        Smallest scale allowed, one or one an index.

    Returns
    -------
    Codes
        ``|codes * scales - weights| <= scales / 2``, up to rounding; where all weights are 0 the
        scale is 1.
    """
    others = tuple(place for place in range(weights.ndim) if place != axis)
    largest = np.abs(weights).max(axis=None if axis is None else others, initial=0.0)
    scales = np.maximum(np.asarray(largest, np.float64) / limit, floor)
    scales = np.where(scales > np.finfo(np.float32).tiny, scales, 1.0).astype(np.float32)
    shape = [-1 if place == axis else 1 for place in range(weights.ndim)]
    spread = scales.reshape(shape) if axis is not None else scales
    codes = np.clip(np.rint(weights / spread), -limit, limit).astype(np.int8)
    return Codes(codes, scales)


def encode_bias(
    bias: NDArray[np.float32], input_scale: np.float32, weight_scales: NDArray[np.float32]
) -> BiasCodes:
    """Round a bias to multiples of ``input_scale * weight_scales``, (outputs,) float32 each."""
    scales = (input_scale * weight_scales).astype(np.float32)
    return BiasCodes(np.rint(bias.astype(np.float64) / scales).astype(np.int32), scales)
