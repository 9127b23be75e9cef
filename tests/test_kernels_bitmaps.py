"""Sets of rows: every ISA says what plain Python sets say, and writes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels import bitmaps
from tests.strategies.arrays import fenced, lengths
from tests.strategies.isas import each_isa

BLOCK_ROWS = 8 * 4096  # of the one pass
Mask = NDArray[np.bool_]
Program = list[tuple[int, int]]

many_rows = lengths(8, 64, 256, 512, most=1200) | st.sampled_from(
    [BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 9]
)


@st.composite
def masks(draw: st.DrawFn, rows: int) -> Mask:
    share = draw(st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random(rows) < share


def packed(mask: Mask, noise: int = 255) -> NDArray[np.uint8]:
    """A bitmap against the end of readable memory, its bits beyond the rows noise."""
    bitmap = np.packbits(mask, bitorder="little")
    if mask.size % 8:
        bitmap[-1] |= noise << mask.size % 8 & 255
    return fenced(bitmap)


@st.composite
def programs(draw: st.DrawFn, inputs: int) -> Program:
    """Steps that leave one set, from a random tree."""
    depth, steps = 0, []
    for _ in range(draw(st.integers(1, 20))):
        push = [bitmaps.COPY, bitmaps.COPY_NOT]
        change = [bitmaps.AND, bitmaps.AND_NOT, bitmaps.OR, bitmaps.OR_NOT]
        source = draw(st.integers(0, inputs - 1))
        choices = [(join, source) for join in push]
        if depth:
            choices += [(join, source) for join in change] + [(bitmaps.COPY_NOT, bitmaps.POPPED)]
        if depth > 1:
            choices += [(join, bitmaps.POPPED) for join in change]
        step = draw(st.sampled_from(choices))
        depth += (step[0] in push) - (step[1] == bitmaps.POPPED)
        steps.append(step)
    return steps + [(bitmaps.OR, bitmaps.POPPED)] * (depth - 1)


def run(steps: Program, inputs: list[Mask]) -> Mask:
    stack: list[Mask] = []
    for join, place in steps:
        other = stack.pop() if place == bitmaps.POPPED else inputs[place]
        if join in (bitmaps.COPY_NOT, bitmaps.AND_NOT, bitmaps.OR_NOT):
            other = ~other
        if join in (bitmaps.COPY, bitmaps.COPY_NOT):
            stack.append(other)
        elif join in (bitmaps.AND, bitmaps.AND_NOT):
            stack[-1] = stack[-1] & other
        else:
            stack[-1] = stack[-1] | other
    (result,) = stack
    return result


@each_isa("join_b1")
@settings(deadline=None)
@given(rows=many_rows, data=st.data())
def test_a_program_does_what_its_steps_say(isa: str, rows: int, data: st.DataObject) -> None:
    inputs = [data.draw(masks(rows)) for _ in range(data.draw(st.integers(1, 3)))]
    steps = data.draw(programs(len(inputs)))
    bitmap, count = bitmaps.combine([packed(mask) for mask in inputs], steps, rows, isa=isa)
    expected = run(steps, inputs)
    assert bitmap.tobytes() == np.packbits(expected, bitorder="little").tobytes()
    assert count == expected.sum()


@each_isa("count_b1")
@settings(deadline=None)
@given(rows=many_rows, data=st.data(), noise=st.integers(0, 255))
def test_rows_are_counted_in_any_range(
    isa: str, rows: int, data: st.DataObject, noise: int
) -> None:
    mask = data.draw(masks(rows))
    bitmap = packed(mask, noise)
    bound = st.integers(0, rows)
    ends = data.draw(st.lists(st.tuples(bound, bound).map(sorted), max_size=6))
    ranges = np.array([[0, rows], *ends], np.int64)
    expected = [int(mask[start:stop].sum()) for start, stop in ranges]
    assert bitmaps.count(bitmap, rows, isa=isa) == expected[0]
    assert bitmaps.count_ranges(bitmap, rows, ranges, isa=isa).tolist() == expected


@settings(deadline=None)
@given(rows=many_rows, data=st.data(), noise=st.integers(0, 255))
def test_rows_are_listed(rows: int, data: st.DataObject, noise: int) -> None:
    mask = data.draw(masks(rows))
    found = bitmaps.rows_of(packed(mask, noise), rows)
    assert found.dtype == np.int32
    assert found.tolist() == np.flatnonzero(mask).tolist()


@settings(deadline=None)
@given(rows=lengths(8, 64).filter(bool), data=st.data())
def test_rows_are_put_in_and_out_in_order(rows: int, data: st.DataObject) -> None:
    mask = data.draw(masks(rows))
    changes = data.draw(st.lists(st.tuples(st.integers(0, rows - 1), st.booleans())))
    places = np.array([row for row, _ in changes], np.int32)
    bits = np.array([bit for _, bit in changes], np.bool_)
    bitmap = np.packbits(mask, bitorder="little")
    bitmaps.put(bitmap, rows, fenced(places), fenced(bits))
    for row, bit in changes:
        mask[row] = bit
    assert bitmap.tobytes() == np.packbits(mask, bitorder="little").tobytes()
    bitmaps.put(bitmap, rows, places)
    mask[places] = True
    assert bitmap.tobytes() == np.packbits(mask, bitorder="little").tobytes()


EMPTY = np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [(bitmaps.AND, 0)],
        [(bitmaps.COPY, 1)],
        [(bitmaps.COPY, -2)],
        [(bitmaps.COPY, bitmaps.POPPED)],
        [(6, 0)],
        [(-1, 0)],
        [(bitmaps.COPY, 0), (bitmaps.COPY, 0)],
        [(bitmaps.COPY, 0), (bitmaps.AND, bitmaps.POPPED)],
        [(bitmaps.COPY, 0)] * 33 + [(bitmaps.AND, bitmaps.POPPED)] * 32,
    ],
)
def test_steps_that_do_not_run_through_are_refused(steps: Program) -> None:
    with pytest.raises(ValueRangeError, match="steps"):
        bitmaps.combine([EMPTY], steps, 9)


def test_a_stack_of_32_is_deep_enough() -> None:
    steps = [(bitmaps.COPY_NOT, 0)] * 32 + [(bitmaps.AND, bitmaps.POPPED)] * 31
    bitmap, count = bitmaps.combine([EMPTY], steps, 9)
    assert (bitmap.tolist(), count) == ([255, 1], 9)


@pytest.mark.parametrize("ranges", [[[0, 10]], [[-1, 3]], [[4, 3]], [[0, 2**62]]])
def test_a_range_outside_is_refused(ranges: list[list[int]]) -> None:
    with pytest.raises(ValueRangeError, match="ranges"):
        bitmaps.count_ranges(EMPTY, 9, np.array(ranges, np.int64))


@pytest.mark.parametrize("place", [-1, 9, 2**31 - 1, -(2**31)])
def test_a_place_outside_is_refused_and_nothing_changes(place: int) -> None:
    bitmap = EMPTY.copy()
    with pytest.raises(ValueRangeError, match=r"\[0, 9\)"):
        bitmaps.put(bitmap, 9, np.array([1, place], np.int32))
    assert not bitmap.any()


def test_arrays_of_another_kind_are_refused() -> None:
    fixed = fenced(EMPTY)
    with pytest.raises(ShapeError):
        bitmaps.count(EMPTY, 17)
    with pytest.raises(ShapeError):
        bitmaps.rows_of(EMPTY.astype(np.int8), 9)  # type: ignore[arg-type]
    with pytest.raises(ShapeError):
        bitmaps.count(None, 9)  # type: ignore[arg-type]
    with pytest.raises(ShapeError):
        bitmaps.combine([EMPTY, EMPTY[:1]], [(bitmaps.COPY, 0)], 9)
    with pytest.raises(ShapeError):
        bitmaps.count_ranges(EMPTY, 9, np.zeros((1, 3), np.int64))
    with pytest.raises(ShapeError, match="read-only"):
        bitmaps.put(fixed, 9, np.zeros(0, np.int32))
    with pytest.raises(ShapeError):
        bitmaps.put(EMPTY.copy(), 9, np.zeros(2, np.int32), np.zeros(1, np.bool_))
    with pytest.raises(LimitExceeded):
        bitmaps.count(EMPTY, -1)
