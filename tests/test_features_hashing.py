"""The hash is SplitMix64's, a bijection, and spreads evenly over the buckets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.features.hashing import buckets, mix64
from tests.oracles import features as oracle


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_mix64_is_the_finaliser(values: list[int]) -> None:
    assert mix64(np.array(values, np.uint64)).tolist() == [oracle.mix64(v) for v in values]


def test_mix64_against_published_numbers() -> None:
    """The first outputs of SplitMix64 from seed 0, as its authors' code prints them."""
    states = np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert [f"{h:016x}" for h in mix64(states).tolist()] == [
        "e220a8397b1dcdaf",
        "6e789e6aa1b965f4",
        "06c45d188009454f",
    ]


@given(st.integers(0, 2**64 - 1), st.integers(3, 2**31))
def test_buckets_leave_room_for_padding_and_the_unknown(value: int, count: int) -> None:
    (place,) = buckets(np.array([value], np.uint64), count).tolist()
    assert place == oracle.bucket(value, count)
    assert 2 <= place < count


@pytest.mark.parametrize("count", [3, 10, 1024])
def test_buckets_are_even(count: int) -> None:
    hashes = mix64(np.arange(200_000, dtype=np.uint64))
    filled = np.bincount(buckets(hashes, count), minlength=count)[2:]
    expected = 200_000 / (count - 2)
    assert np.abs(filled - expected).max() < 6 * np.sqrt(expected) + 1
