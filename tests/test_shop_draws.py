"""Draws depend on what they are for and on nothing else, and are fair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.shop.draws import Stream, below, chance, draw, pick

PINNED = ["3c164c5617b9f15f", "27a6f78346587abe", "694222ae06a067f6"]
streams = st.sampled_from(list(Stream))
indexes = st.lists(st.integers(0, 2**40), min_size=1, max_size=8)


@given(streams, indexes, st.integers(0, 1000))
def test_a_draw_is_the_same_alone_and_in_a_crowd(
    stream: Stream, index: list[int], number: int
) -> None:
    crowd = draw(stream, index, number)
    assert crowd.tolist() == [draw(stream, [i], number).item() for i in index]


def test_draws_broadcast() -> None:
    table = draw(Stream.CLICK, np.arange(3)[:, None], np.arange(4))
    assert table.shape == (3, 4)
    assert table[2, 1] == draw(Stream.CLICK, [2], 1)


def test_pinned_draws() -> None:
    assert [f"{bits:016x}" for bits in draw(Stream.PRODUCT, [0, 1, 2], 3).tolist()] == PINNED


def test_streams_indexes_and_numbers_do_not_repeat_each_other() -> None:
    bits = np.concatenate(
        [draw(s, np.arange(200)[:, None], np.arange(50)).reshape(-1) for s in Stream]
    )
    assert len(np.unique(bits)) == len(bits)


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**31))
def test_below_its_bound(bits: int, bound: int) -> None:
    (value,) = below(np.array([bits], np.uint64), bound).tolist()
    assert value == (bits >> 32) * bound >> 32
    assert 0 <= value < bound


@pytest.mark.parametrize("percent", [0, 7, 50, 100])
def test_chance_is_fair(percent: int) -> None:
    share = chance(draw(Stream.VISIT, np.arange(100_000)), percent).mean()
    assert abs(share - percent / 100) < 0.007


def test_picks_are_as_likely_as_their_weights() -> None:
    counts = np.bincount(pick(draw(Stream.VISIT, np.arange(100_000)), (1, 0, 3)), minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] / counts.sum() - 0.75) < 0.007


def test_neighbouring_draws_are_independent() -> None:
    one, two = (below(draw(Stream.PRODUCT, np.arange(100_000), n), 10) for n in (0, 1))
    table = np.bincount(10 * one + two, minlength=100)
    assert ((table - 1000) ** 2 / 1000).sum() < 160  # chi-squared, 99 degrees: p < 1e-4
