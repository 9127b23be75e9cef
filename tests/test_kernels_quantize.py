"""int8 rows: the definition, its error bound, its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import ShapeError, ValueRangeError
from edgerec.kernels.quantize import quantize_columns, quantize_rows
from tests.oracles import kernels as oracle
from tests.strategies.arrays import fenced, float_rows, lengths
from tests.strategies.isas import each_isa

GUARD = 64


@st.composite
def matrices(draw: st.DrawFn) -> NDArray[np.float32]:
    n, dim = draw(st.integers(0, 5)), draw(lengths(8, 16, most=80))
    return draw(float_rows(n, dim))


@each_isa("quantize_f32")
@settings(deadline=None)
@given(x=matrices())
def test_every_isa_equals_the_definition(isa: str, x: NDArray[np.float32]) -> None:
    codes, scales = quantize_rows(fenced(x), isa=isa)
    wanted_codes, wanted_scales = oracle.quantize_rows(x)
    assert codes.tobytes() == wanted_codes.tobytes()
    assert scales.tobytes() == wanted_scales.tobytes()


@settings(deadline=None)
@given(x=matrices())
def test_the_error_is_at_most_half_a_step(x: NDArray[np.float32]) -> None:
    codes, scales = quantize_rows(x)
    error = np.abs(codes * scales[:, None].astype(np.float64) - x)
    assert (error <= scales[:, None] * (0.5 + 127 * 2.0**-23)).all()
    assert np.abs(codes.astype(int)).max(initial=0) <= 127
    assert (scales > 0).all()


@each_isa("quantize_f32")
def test_halves_go_to_even(isa: str) -> None:
    x = np.array([[127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, 0]], np.float32)
    codes, scales = quantize_rows(x, isa=isa)
    assert codes.tolist() == [[127, 0, 2, 2, 0, -2, -2, 126, 0]]
    assert scales.tolist() == [1.0]


@each_isa("quantize_f32")
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 31])
def test_nothing_is_written_outside_the_outputs(isa: str, dim: int) -> None:
    x = np.linspace(-1, 1, 3 * dim, dtype=np.float32).reshape(3, dim)
    memory = np.full(3 * dim + 2 * GUARD, 99, np.int8)
    levels = np.full(3 + 2 * GUARD, 99, np.float32)
    codes, scales = memory[GUARD:-GUARD].reshape(3, dim), levels[GUARD:-GUARD]
    given_back = quantize_rows(x, codes=codes, scales=scales, isa=isa)
    assert given_back[0] is codes
    assert given_back[1] is scales
    assert codes.tobytes() == oracle.quantize_rows(x)[0].tobytes()
    for guarded in (memory, levels):
        assert (guarded[:GUARD] == 99).all()
        assert (guarded[-GUARD:] == 99).all()


@each_isa("quantize_f32")
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dim", [1, 8, 19])
def test_a_value_that_is_not_finite_is_refused_with_its_row(isa: str, bad: float, dim: int) -> None:
    for column in range(dim):
        x = np.zeros((4, dim), np.float32)
        x[2, column] = bad
        with pytest.raises(ValueRangeError, match="row 2 "):
            quantize_rows(x, isa=isa)


@pytest.mark.parametrize(
    ("x", "came"),
    [
        (np.zeros((2, 3)), r"float64 of shape \(2, 3\)"),
        (np.zeros(3, np.float32), r"float32 of shape \(3,\)"),
        (np.zeros((4, 6), np.float32)[:, ::2], "in another layout"),
        (np.zeros((2, 3), ">f4"), ">f4"),
        ([[1.0]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_an_array_of_another_kind_is_refused(x: object, came: str) -> None:
    with pytest.raises(ShapeError, match=rf"x must be a C-contiguous.*got.*{came}"):
        quantize_rows(x)  # type: ignore[arg-type]


def test_outputs_that_do_not_fit_are_refused() -> None:
    x = np.zeros((2, 3), np.float32)
    fixed = np.zeros((2, 3), np.int8)
    fixed.flags.writeable = False
    for outputs, name in [
        ({"codes": np.zeros((2, 4), np.int8)}, "codes"),
        ({"codes": np.zeros((2, 3), np.uint8)}, "codes"),
        ({"codes": fixed}, "codes must be writeable"),
        ({"scales": np.zeros(3, np.float32)}, "scales"),
    ]:
        with pytest.raises(ShapeError, match=name):
            quantize_rows(x, **outputs)  # type: ignore[arg-type]


@each_isa("quantize_columns_f32")
@settings(deadline=None)
@given(x=matrices())
def test_columns_are_quantised_as_rows_are(isa: str, x: NDArray[np.float32]) -> None:
    codes, scales = quantize_columns(fenced(x), isa=isa)
    wanted_codes, wanted_scales = oracle.quantize_columns(x)
    assert codes.tobytes() == wanted_codes.tobytes()
    assert scales.tobytes() == wanted_scales.tobytes()
    error = np.abs(codes * scales.astype(np.float64) - x)
    assert (error <= scales * (0.5 + 127 * 2.0**-23)).all()


@each_isa("quantize_columns_f32")
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 31])
def test_columns_write_nothing_outside_the_outputs(isa: str, dim: int) -> None:
    x = np.linspace(-1, 1, 3 * dim, dtype=np.float32).reshape(3, dim)
    memory = np.full(3 * dim + 2 * GUARD, 99, np.int8)
    levels = np.full(dim + 2 * GUARD, 99, np.float32)
    codes, scales = memory[GUARD:-GUARD].reshape(3, dim), levels[GUARD:-GUARD]
    quantize_columns(x, codes=codes, scales=scales, isa=isa)
    assert codes.tobytes() == oracle.quantize_columns(x)[0].tobytes()
    for guarded in (memory, levels):
        assert (guarded[:GUARD] == 99).all()
        assert (guarded[-GUARD:] == 99).all()


@each_isa("quantize_columns_f32")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dim", [1, 8, 19])
def test_columns_refuse_what_is_not_finite_and_write_nothing(
    isa: str, bad: float, dim: int
) -> None:
    for column in range(dim):
        x = np.zeros((4, dim), np.float32)
        x[2, column] = bad
        codes, scales = np.full((4, dim), 99, np.int8), np.full(dim, 99, np.float32)
        with pytest.raises(ValueRangeError, match="row 2 "):
            quantize_columns(x, codes=codes, scales=scales, isa=isa)
        assert (codes == 99).all()
        assert (scales == 99).all()


def test_scales_of_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="scales"):
        quantize_columns(np.zeros((2, 3), np.float32), scales=np.zeros(2, np.float32))
