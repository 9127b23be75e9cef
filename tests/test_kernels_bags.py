"""Embedding bags: rows packed with their scales, sums in the order of the ids, checked borders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import InvalidInput, ShapeError, ValueRangeError
from edgerec.kernels.bags import embedding_bags, pack_rows
from edgerec.kernels.quantize import quantize_rows
from tests.oracles import kernels as oracle
from tests.strategies.arrays import fenced, float_rows, lengths, shifted
from tests.strategies.isas import each_isa

Bits = Literal[4, 8]
WIDTHS: tuple[Bits, Bits] = (4, 8)
GUARD = 64


@dataclass(frozen=True)
class Case:
    """Bags over a table of one width of codes."""

    table: NDArray[np.uint8]
    dim: int
    offsets: NDArray[np.int64]
    ids: NDArray[np.integer[Any]]
    weights: NDArray[np.float32] | None

    def sums(self, bits: Bits, **options: Any) -> NDArray[np.float32]:
        return embedding_bags(
            self.table,
            self.dim,
            self.offsets,
            self.ids,  # type: ignore[arg-type]
            bits=bits,
            weights=self.weights,
            **options,
        )


def case_of(bits: Bits, *, n: int = 30, dim: int = 20, bags: int = 7, seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 12, bags)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    ids = rng.integers(0, n, offsets[-1]).astype(np.int32)
    table = pack_rows(rng.normal(size=(n, dim)).astype(np.float32), bits=bits)
    return Case(table, dim, offsets, ids, None)


@st.composite
def cases(draw: st.DrawFn, bits: Bits) -> Case:
    """Any widths, strides with a rest, ids of both types, bags of any size, ids outside them."""
    n, dim = draw(st.integers(1, 20)), draw(lengths(8, 16, 32, 64, most=150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tight = 4 + (dim * bits + 7) // 8
    stride = tight + draw(st.sampled_from([0, 0, 1, 3, 60]))
    table = rng.integers(0, 256, (n, stride), np.uint8)
    scales = (10.0 ** rng.uniform(-10, 10, n)).astype(np.float32)
    table[:, :4] = scales.view(np.uint8).reshape(n, 4)
    bags = draw(st.integers(0, 6))
    sizes = rng.integers(0, draw(st.sampled_from([1, 4, 70])), bags + 1)
    offsets = np.cumsum(sizes).astype(np.int64)
    m = int(offsets[-1]) + draw(st.sampled_from([0, 0, 5]))
    ids = rng.integers(0, n, m).astype(draw(st.sampled_from([np.int32, np.int64])))
    weights = rng.normal(size=m).astype(np.float32) if draw(st.booleans()) else None
    ids[: offsets[0]] = -1  # outside the bags: not looked at
    ids[offsets[-1] :] = n
    return Case(table, dim, offsets, ids, weights)


def fence(case: Case) -> Case:
    weights = None if case.weights is None else fenced(case.weights)
    return Case(fenced(case.table), case.dim, fenced(case.offsets), fenced(case.ids), weights)


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("bits", WIDTHS)
@settings(deadline=None)
@given(data=st.data(), mean=st.booleans())
def test_every_isa_equals_the_definition(
    isa: str, bits: Bits, data: st.DataObject, mean: bool
) -> None:
    case = data.draw(cases(bits))
    sums = fence(case).sums(bits, mean=mean, isa=isa)
    wanted = oracle.embedding_bags(
        case.table, case.dim, case.offsets, case.ids, bits=bits, weights=case.weights, mean=mean
    )
    assert sums.dtype == np.float32
    assert sums.tobytes() == wanted.tobytes()


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("bits", WIDTHS)
def test_a_column_does_not_depend_on_the_others(isa: str, bits: Bits) -> None:
    case = case_of(bits, dim=130)
    whole = case.sums(bits, isa=isa)
    for dim in (0, 1, 3, 4, 5, 8, 33, 64, 100, 129):
        narrow = Case(case.table, dim, case.offsets, case.ids, None)
        assert narrow.sums(bits, isa=isa).tobytes() == whole[:, :dim].tobytes()


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dim", [1, 5, 9, 64])
def test_memory_of_any_alignment(isa: str, bits: Bits, dim: int) -> None:
    case = case_of(bits, dim=dim, bags=20)
    wanted = case.sums(bits, isa=isa)
    for offset in (1, 3, 17, 61):
        table = shifted(case.table.view(np.int8), offset).view(np.uint8)
        moved = Case(table, dim, case.offsets, case.ids, None)
        assert moved.sums(bits, isa=isa).tobytes() == wanted.tobytes()


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dim", [1, 4, 7, 8, 20, 64, 75])
def test_nothing_is_written_outside_the_output(isa: str, bits: Bits, dim: int) -> None:
    case = case_of(bits, dim=dim)
    bags = len(case.offsets) - 1
    memory = np.full(bags * dim + 2 * GUARD, 99, np.float32)
    out = memory[GUARD:-GUARD].reshape(bags, dim)
    assert case.sums(bits, out=out, isa=isa) is out
    assert out.tobytes() == case.sums(bits, isa="scalar").tobytes()
    assert (memory[:GUARD] == 99).all()
    assert (memory[-GUARD:] == 99).all()


@pytest.mark.parametrize("bits", WIDTHS)
def test_slices_of_the_offsets_give_slices_of_the_bags_from_several_threads(bits: Bits) -> None:
    case = case_of(bits, bags=400)
    wanted = case.sums(bits)
    out = np.empty_like(wanted)

    def part(start: int) -> None:
        offsets = case.offsets[start : start + 101]
        embedding_bags(
            case.table, case.dim, offsets, case.ids, bits=bits, out=out[start : start + 100]
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(part, range(0, 400, 100)))
    assert out.tobytes() == wanted.tobytes()


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("bits", WIDTHS)
def test_bags_without_ids_are_zeros(isa: str, bits: Bits) -> None:
    case = case_of(bits)
    empty = Case(case.table, case.dim, np.zeros(4, np.int64), np.empty(0, np.int64), None)
    for mean in (False, True):
        assert empty.sums(bits, mean=mean, isa=isa).tobytes() == bytes(3 * case.dim * 4)
    none = Case(case.table, case.dim, np.zeros(1, np.int64), np.empty(0, np.int64), None)
    assert none.sums(bits, isa=isa).shape == (0, case.dim)


@settings(deadline=None)
@given(data=st.data(), n=st.integers(0, 5), dim=lengths(8, 16, most=80))
@pytest.mark.parametrize("bits", WIDTHS)
def test_rows_are_packed_by_the_definition(
    bits: Bits, data: st.DataObject, n: int, dim: int
) -> None:
    x = data.draw(float_rows(n, dim))
    table = pack_rows(fenced(x), bits=bits)
    assert table.tobytes() == oracle.pack_rows(x, bits).tobytes()
    out = np.full((n, table.shape[1] + 5), 99, np.uint8)
    assert pack_rows(x, bits=bits, out=out) is out
    assert (out[:, :-5] == table).all()
    assert (out[:, -5:] == 0).all()


@settings(deadline=None)
@given(data=st.data(), dim=lengths(8, most=80))
@pytest.mark.parametrize("bits", WIDTHS)
def test_a_row_alone_in_its_bag_comes_back_within_half_a_step(
    bits: Bits, data: st.DataObject, dim: int
) -> None:
    x = data.draw(float_rows(4, dim))
    table = pack_rows(x, bits=bits)
    scales = table[:, :4].copy().view(np.float32).astype(np.float64)
    sums = embedding_bags(table, dim, np.arange(5), np.arange(4), bits=bits)
    limit = 2 ** (bits - 1) - 1
    assert (np.abs(sums.astype(np.float64) - x) <= scales * (0.5 + limit * 2.0**-22)).all()
    assert (scales > 0).all()


def test_eight_bits_are_the_codes_of_quantize_rows() -> None:
    x = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    table = pack_rows(x)
    codes, scales = quantize_rows(x)
    assert table[:, 4:].tobytes() == codes.tobytes()
    assert table[:, :4].tobytes() == scales.tobytes()


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_row(bits: Bits, bad: float) -> None:
    x = np.zeros((4, 19), np.float32)
    x[2, 18] = bad
    with pytest.raises(ValueRangeError, match="row 2 "):
        pack_rows(x, bits=bits)


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("bad", [-1, 30, 2**31 - 1])
def test_an_id_outside_the_table_is_refused_with_its_place(
    isa: str, dtype: type[np.integer[Any]], bad: int
) -> None:
    case = case_of(8)
    ids = case.ids.astype(dtype)
    ids[5] = bad
    with pytest.raises(ValueRangeError, match=rf"ids\[5\] must lie in \[0, 30\), got {bad}"):
        Case(case.table, case.dim, case.offsets, ids, None).sums(8, isa=isa)


def test_an_id_that_is_right_only_in_its_low_half_is_refused() -> None:
    case = case_of(8)
    ids = case.ids.astype(np.int64)
    ids[1] += 2**32
    with pytest.raises(ValueRangeError, match=r"ids\[1\]"):
        Case(case.table, case.dim, case.offsets, ids, None).sums(8)


@pytest.mark.parametrize(
    ("offsets", "place"),
    [([0, 2, 1], 2), ([-1, 2], 0), ([0, 4], 1), ([3, 2], 1), ([4], 0), ([0, 2**62, 3], 1)],
)
def test_offsets_that_fall_or_leave_the_ids_are_refused(offsets: list[int], place: int) -> None:
    case = case_of(8)
    with pytest.raises(ValueRangeError, match=rf"offsets\[{place}\] is"):
        embedding_bags(
            case.table, case.dim, np.array(offsets, np.int64), np.zeros(3, np.int32), bits=8
        )


@each_isa("bag_i4", "bag_i8")
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sum_that_is_not_finite_is_refused_with_its_bag(isa: str, bits: Bits, bad: float) -> None:
    table = pack_rows(np.ones((4, 21), np.float32), bits=bits)
    offsets, ids = np.array([0, 1, 2, 3]), np.array([0, 2, 1])
    weights = np.array([1, bad, 1], np.float32)
    with pytest.raises(ValueRangeError, match="bag 1 is NaN or infinite"):
        embedding_bags(table, 21, offsets, ids, bits=bits, weights=weights, isa=isa)
    table[2, :4] = np.frombuffer(np.float32(bad).tobytes(), np.uint8)
    with pytest.raises(ValueRangeError, match="bag 1 is NaN or infinite"):
        embedding_bags(table, 21, offsets, ids, bits=bits, isa=isa)
    assert (embedding_bags(table, 21, offsets[:2], ids, bits=bits, isa=isa) == 1).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"bits": 3}, ValueRangeError, "bits must be 4 or 8, got 3"),
        ({"dim": -1}, ValueRangeError, "dim must be at least 0"),
        ({"dim": 21}, ShapeError, "a row of 21 codes of 8 bits does not fit into the 24"),
        ({"dim": 2**70}, ShapeError, "does not fit"),
        ({"dim": 1.5}, ValueRangeError, "dim must be an integer"),
        ({"table": np.zeros((3, 24), np.int8)}, ShapeError, "table must be"),
        ({"table": np.zeros((24, 30), np.uint8).T}, ShapeError, "table must be"),
        ({"offsets": np.zeros(3, np.int32)}, ShapeError, "offsets must be"),
        ({"offsets": np.zeros(0, np.int64)}, ShapeError, "offsets must hold at least one"),
        ({"ids": np.zeros(4, np.uint32)}, ShapeError, "ids must be"),
        ({"weights": np.ones(5, np.float32)}, ShapeError, "weights must be"),
        ({"out": np.zeros((3, 20), np.float32)}, ShapeError, "out must have shape"),
        ({"out": np.zeros((2, 20))}, ShapeError, "out must be"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[InvalidInput], message: str
) -> None:
    arguments = {
        "table": np.zeros((30, 24), np.uint8),
        "dim": 20,
        "offsets": np.array([0, 2, 4]),
        "ids": np.zeros(4, np.int32),
    } | change
    with pytest.raises(error, match=message):
        embedding_bags(**arguments)


def test_outputs_of_packing_that_do_not_fit_are_refused() -> None:
    x = np.zeros((2, 6), np.float32)
    fixed = np.zeros((2, 10), np.uint8)
    fixed.flags.writeable = False
    for out, message in [
        (np.zeros((2, 9), np.uint8), "2 rows of at least 10 bytes"),
        (np.zeros((3, 10), np.uint8), "2 rows of at least 10 bytes"),
        (np.zeros((2, 10), np.int8), "out must be"),
        (fixed, "out must be writeable"),
    ]:
        with pytest.raises(ShapeError, match=message):
            pack_rows(x, out=out)  # type: ignore[arg-type]
    with pytest.raises(ValueRangeError, match="bits must be 4 or 8"):
        pack_rows(x, bits=7)  # type: ignore[arg-type]
