"""Integer logarithms and Gumbel noise, against floats."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from edgerec.shop.fixed import NAT, gumbel_table, ln


@given(st.integers(1, 2**31))
@example(1)
@example(2**31)
def test_logarithms(value: int) -> None:
    assert abs(int(ln(value)) - math.log(value) * 2**24) < 2.01


def test_logarithms_ascend() -> None:
    assert (np.diff(ln(np.arange(1, 5000))) > 0).all()


def test_noise_is_gumbel() -> None:
    table = gumbel_table()
    share = (np.arange(2**16) + 0.5) / 2**16
    assert np.abs(table - -np.log(-np.log(share)) * NAT).max() < 1.2
    assert abs(table.mean() / NAT - 0.5772) < 1e-3


def test_the_largest_noisy_utility_is_a_softmax() -> None:
    rng = np.random.default_rng(0)
    utilities = np.array([0, NAT, 2 * NAT])
    noise = gumbel_table()[rng.integers(0, 2**16, (100_000, 3))]
    chosen = np.bincount((utilities + noise).argmax(axis=1)) / 100_000
    assert np.allclose(chosen, np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), atol=0.006)
