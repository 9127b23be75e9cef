"""Work that threads share: its order, its errors, and the ranges it is cut into."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.errors import InvalidInput
from edgerec.machine.pool import in_parts, parts, side_by_side
from edgerec.machine.threads import thread_budget


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(0, 300), st.sampled_from([1, 8, 64]))
def test_parts_cover_everything_once(size: int, count: int, least: int, align: int) -> None:
    ranges = parts(size, count, least=least, align=align)
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(size))
    assert len(ranges) <= count
    assert all(stop % align == 0 for _, stop in ranges[:-1])


@given(st.integers(0, 50), st.integers(1, 5))
def test_lists_made_in_parts_are_put_together(size: int, count: int) -> None:
    assert in_parts(lambda start, stop: list(range(start, stop)), size, count) == [*range(size)]


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_results_come_in_the_order_of_the_work(count: int) -> None:
    assert side_by_side([partial(pow, 2, place) for place in range(count)]) == [
        2**place for place in range(count)
    ]


def test_work_may_share_work_out_again() -> None:
    def piece() -> int:
        return sum(side_by_side([lambda: 1, lambda: 2, lambda: 3]))

    assert side_by_side([piece] * 8) == [6] * 8


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_reaches_the_caller_after_all_have_ended(place: int) -> None:
    ended: list[int] = []
    lock = threading.Lock()

    def piece(number: int) -> None:
        with lock:
            ended.append(number)
        if number == place:
            raise InvalidInput(f"piece {number}")

    with pytest.raises(InvalidInput, match=f"piece {place}"):
        side_by_side([partial(piece, number) for number in range(3)])
    alone = thread_budget().threads < 2  # then nothing else has begun
    assert ended == list(range(place + 1)) if alone else len(ended) == 3
