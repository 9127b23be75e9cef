"""Ranges of activations, streamed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgerec.compression.calibration import Histogram, Range, calibrate
from edgerec.errors import ValueRangeError
from edgerec.evaluation.inputs import random_inputs
from tests.oracles.compression import evaluate
from tests.strategies.graphs import few, tower

floats = st.floats(-(2.0**60), 2.0**60, width=32)
arrays = hnp.arrays(np.float32, st.integers(1, 50), elements=floats)


@given(st.lists(arrays, min_size=1, max_size=5))
def test_smallest_to_largest_with_zero_inside(parts) -> None:
    histogram = Histogram()
    for part in parts:
        histogram.add(part)
    whole = np.concatenate(parts)
    found = histogram.range(100.0)
    assert found.low == min(0.0, float(whole.min()))
    assert found.high == max(0.0, float(whole.max()))


@few
@given(st.integers(0, 2**16), st.sampled_from([90.0, 99.0, 99.9]), st.floats(-3, 3))
def test_a_percentile_leaves_as_many_values_outside_as_asked_within_one_bin(
    seed: int, percentile: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    parts = [(rng.normal(size=400) * 2.0**step + shift).astype(np.float32) for step in range(4)]
    histogram = Histogram()
    for part in parts:
        histogram.add(part)
    whole = np.concatenate(parts)
    tail = (100.0 - percentile) / 200 * len(whole)
    found = histogram.range(percentile)
    bins = 4 * float(np.abs(whole).max()) / 4096  # it reaches at most twice the largest value
    assert np.sum(whole < found.low) <= tail
    assert np.sum(whole > found.high) <= tail
    assert found.low == 0.0 or np.sum(whole <= found.low + bins) >= np.floor(tail)
    assert found.high == 0.0 or np.sum(whole >= found.high - bins) >= np.floor(tail)


@given(floats, floats)
def test_codes_of_a_range(a: float, b: float) -> None:
    found = Range(min(a, b, 0.0), max(a, b, 0.0))
    assert found.scale > 0
    assert np.isfinite(found.scale)
    zero = float(found.zero_point)
    assert 0 <= zero <= 255
    scale = float(found.scale)
    if found.high - found.low > 1e-30:
        assert (0 - zero) * scale <= found.low + scale
        assert (255 - zero) * scale >= found.high - scale


@few
@given(st.integers(0, 2**16), st.floats(0.5, 6.0))
def test_the_range_with_the_least_error_is_never_worse_than_the_whole(
    seed: int, tail: float
) -> None:
    values = np.random.default_rng(seed).standard_t(tail, 2000).astype(np.float32)
    histogram = Histogram()
    histogram.add(values)

    def error(found: Range) -> float:
        codes = np.clip(np.rint(values / found.scale) + found.zero_point, 0, 255)
        return float(np.mean(((codes - found.zero_point) * found.scale - values) ** 2))

    assert error(histogram.range()) <= error(histogram.range(100.0)) * 1.05


def test_an_outlier_is_clipped_where_that_is_better() -> None:
    histogram = Histogram()
    values = np.random.default_rng(0).normal(size=10**6)
    histogram.add(np.append(values, 50.0).astype(np.float32))
    assert 3.0 < histogram.range().high < 35.0


def test_values_are_not_shared_between_orders() -> None:
    rng = np.random.default_rng(0)
    parts = [(rng.normal(size=100) * 2.0**k).astype(np.float32) for k in (0, 5, 2)]
    first, second = Histogram(), Histogram()
    for part in parts:
        first.add(part)
    second.add(np.concatenate(parts))
    assert first.range(100.0) == second.range(100.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValueRangeError, match="NaN or infinite"):
        Histogram().add(np.array([0.0, value], np.float32))


def test_only_zeros() -> None:
    histogram = Histogram()
    histogram.add(np.zeros(3, np.float32))
    assert histogram.range(99.0) == Range(0.0, 0.0)
    assert Range(0.0, 0.0).scale == 1.0


def test_tensors_inside_a_model_and_its_inputs() -> None:
    model = tower(0)
    rng = np.random.default_rng(0)
    requests = [random_inputs(model.signature, rng=rng) for _ in range(5)]
    found = calibrate(model, ["dense", "vector"], requests, percentile=100.0)
    dense = np.concatenate([request["dense"].ravel() for request in requests])
    vectors = np.concatenate([evaluate(model.graph, r)["vector"].ravel() for r in requests])
    assert found["dense"] == Range(float(dense.min()), float(dense.max()))
    assert found["vector"].low == pytest.approx(float(vectors.min()), abs=1e-5)
    assert found["vector"].high == pytest.approx(float(vectors.max()), abs=1e-5)


@pytest.mark.parametrize("percentile", [0.0, 50.0, 100.1])
def test_percentiles_out_of_range_are_refused(percentile: float) -> None:
    model = tower(0)
    requests = [random_inputs(model.signature, rng=np.random.default_rng(0))]
    with pytest.raises(ValueRangeError, match="percentile"):
        calibrate(model, ["dense"], requests, percentile=percentile)


def test_no_requests_are_refused() -> None:
    with pytest.raises(ValueRangeError, match="at least one request"):
        calibrate(tower(0), ["dense"], [])


def test_no_values_count_for_nothing() -> None:
    histogram = Histogram()
    histogram.add(np.zeros((0, 3), np.float32))
    assert histogram.range() == histogram.range(99.0) == Range(0.0, 0.0)


def test_values_up_to_the_largest_float_are_counted() -> None:
    histogram = Histogram()
    largest = float(np.finfo(np.float32).max)
    for value in (largest * 0.4, largest, -largest):
        histogram.add(np.full(100, value, np.float32))
    assert histogram.range(100.0) == Range(-largest, largest)
    assert histogram.range(99.0) == Range(-largest, largest)
