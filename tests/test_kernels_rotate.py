"""Rotation: an orthogonal map, the same bits from every ISA."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.kernels.rotate import rotate
from tests.oracles import sketches as oracle
from tests.strategies.arrays import fenced, float_rows
from tests.strategies.isas import each_isa

WIDTHS = (64, 128, 192, 256, 320, 384, 512, 704)


def signs_of(bits: int, seed: int = 0, rounds: int = 6) -> NDArray[np.int8]:
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([-1, 1], np.int8), (rounds, bits))


@each_isa("rotate_f32")
@settings(deadline=None, max_examples=60)
@given(data=st.data(), n=st.integers(0, 3), bits=st.sampled_from(WIDTHS), seed=st.integers(0, 99))
def test_every_isa_follows_the_definition(
    isa: str, data: st.DataObject, n: int, bits: int, seed: int
) -> None:
    dim = data.draw(st.sampled_from([0, 1, bits - 63, bits - 1, bits]))
    x = data.draw(float_rows(n, dim)) / np.float32(1024)  # sums of huge values stay finite
    signs = signs_of(bits, seed, data.draw(st.integers(0, 6)))
    rotated = rotate(fenced(x), fenced(signs), isa=isa)
    assert rotated.dtype == np.float32
    assert rotated.shape == (n, bits)
    for row, values in enumerate(x):
        assert rotated[row].tolist() == oracle.rotate(values, signs).tolist()


@each_isa("rotate_f32")
@pytest.mark.parametrize("bits", WIDTHS)
def test_norms_and_inner_products_stay(isa: str, bits: int) -> None:
    x = np.random.default_rng(1).normal(size=(40, bits - 7)).astype(np.float32)
    rotated = rotate(x, signs_of(bits), isa=isa).astype(np.float64)
    exact = x.astype(np.float64) @ x.T.astype(np.float64)
    sizes = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    assert (np.abs(rotated @ rotated.T - exact) <= 2e-6 * sizes).all()


@pytest.mark.parametrize("bits", WIDTHS)
def test_one_value_spreads_over_all_bits(bits: int) -> None:
    rotated = rotate(np.eye(bits, dtype=np.float32), signs_of(bits))
    assert np.abs(rotated).max() < 6 / np.sqrt(bits)
    assert (np.count_nonzero(np.abs(rotated) > 0.05 / np.sqrt(bits), axis=1) > bits / 2).all()


@each_isa("rotate_f32")
def test_writes_into_memory_of_any_alignment_and_no_further(isa: str) -> None:
    x = np.random.default_rng(2).normal(size=(5, 100)).astype(np.float32)
    signs = signs_of(128)
    wanted = rotate(x, signs, isa=isa)
    for shift in range(1, 5):
        memory = np.full(5 * 128 + 16, 7.0, np.float32)
        out = memory[shift : shift + 5 * 128].reshape(5, 128)
        assert rotate(x, signs, isa=isa, out=out) is out
        assert (out == wanted).all()
        assert (memory[:shift] == 7).all()
        assert (memory[shift + 5 * 128 :] == 7).all()


@each_isa("rotate_f32")
def test_what_is_not_finite_spreads_over_its_row_alone(isa: str) -> None:
    x = np.ones((3, 64), np.float32)
    x[1, 5] = np.nan
    x[2, 5] = np.inf
    rotated = rotate(x, signs_of(64), isa=isa)
    assert np.isfinite(rotated[0]).all()
    assert not np.isfinite(rotated[1:]).any()


@pytest.mark.parametrize("bad", [0, 2, -128, 127])
def test_other_signs_are_refused(bad: int) -> None:
    signs = signs_of(64)
    signs[-1, -1] = bad
    with pytest.raises(ValueRangeError, match=r"signs must be \+1 or -1"):
        rotate(np.ones((1, 64), np.float32), signs)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("x", np.zeros((2, 65), np.float32)),
        ("x", np.zeros((2, 64), np.float64)),
        ("x", np.zeros(64, np.float32)),
        ("signs", np.ones((3, 64), np.float32)),
        ("signs", np.ones(64, np.int8)),
        ("signs", np.ones((3, 0), np.int8)),
        ("signs", np.ones((3, 96), np.int8)),
        ("signs", np.ones((3, 4160), np.int8)),
        ("out", np.zeros((2, 65), np.float32)),
        ("out", np.zeros((2, 64), np.float16)),
        ("out", fenced(np.zeros((2, 64), np.float32))),
    ],
)
def test_arrays_of_another_kind_are_refused(name: str, bad: NDArray[np.generic]) -> None:
    arguments = {"x": np.zeros((2, 60), np.float32), "signs": signs_of(64), name: bad}
    with pytest.raises(ShapeError, match=r"must (be|have)"):
        rotate(**arguments)  # type: ignore[arg-type]
