"""Sketches and the search over them: exact integers, bounded errors, filters, ranges."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.errors import LimitExceeded, ShapeError, ValueRangeError
from edgerec.kernels.rotate import rotate
from edgerec.kernels.sketch import scan_sketches, scan_sketches_many, sketch_query, sketch_rows
from tests.oracles import kernels
from tests.oracles import sketches as oracle
from tests.strategies.arrays import (
    bitmaps,
    disjoint_ranges,
    fenced,
    float_rows,
    lengths,
    score_offsets,
    sketch_words,
)
from tests.strategies.isas import each_isa

WORDS = (1, 2, 3, 4, 6, 7, 8, 9, 12, 64)
STEP = 0.01
Sketches = tuple[NDArray[np.uint64], NDArray[np.float32]]


def sketches_of(n: int, words: int, seed: int = 0) -> Sketches:
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 2**64, (n, words), np.uint64),
        rng.uniform(0.9, 1.1, n).astype(np.float32),
    )


def planes_of(words: int, planes: int = 4, seed: int = 1) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 2**64, (planes, words), np.uint64)


def rotated_of(n: int, bits: int, seed: int = 0) -> NDArray[np.float32]:
    """Random vectors of a third of the width, randomly rotated."""
    rng = np.random.default_rng(seed)
    signs = rng.choice(np.array([-1, 1], np.int8), (6, bits))
    return rotate(rng.normal(size=(n, bits // 3)).astype(np.float32), signs)


@each_isa("sketch_f32")
@settings(deadline=None)
@given(data=st.data(), n=st.integers(0, 9), words=st.sampled_from(WORDS))
def test_every_isa_sketches_by_the_definition(
    isa: str, data: st.DataObject, n: int, words: int
) -> None:
    rotated = data.draw(float_rows(n, 64 * words)).clip(-1e15, 1e15)
    bits, factors = sketch_rows(fenced(rotated), isa=isa)
    signs, wanted = oracle.sketch_rows(rotated)
    assert bits.shape == (n, words)
    assert ((oracle.signs_of(bits) > 0) == signs).all()
    assert factors.tolist() == wanted.tolist()


@each_isa("sketch_f32")
def test_zeros_have_every_bit_and_factor_zero(isa: str) -> None:
    rotated = np.zeros((2, 128), np.float32)
    rotated[1] = -0.0
    bits, factors = sketch_rows(rotated, isa=isa)
    assert (bits == np.uint64(2**64 - 1)).all()
    assert factors.tolist() == [0, 0]


@each_isa("sketch_f32")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_a_row_that_is_not_finite_is_named(isa: str, bad: float) -> None:
    rotated = np.ones((20, 64), np.float32)
    rotated[13, 5] = rotated[17, 0] = bad
    with pytest.raises(ValueRangeError, match="row 13 is not"):
        sketch_rows(rotated, isa=isa)


@settings(deadline=None)
@given(data=st.data(), words=st.sampled_from(WORDS[:8]), planes=st.integers(1, 8))
def test_a_query_becomes_odd_integers_near_it(data: st.DataObject, words: int, planes: int) -> None:
    rotated = data.draw(float_rows(1, 64 * words))[0]
    quantized, step = sketch_query(fenced(rotated), planes)
    values, most = oracle.query_values(quantized), 2**planes - 1
    x = rotated.astype(np.float64)
    assert quantized.shape == (planes, words)
    assert ((rotated >= 0) == (values > 0)).all()
    assert np.abs(values).max() <= most
    assert step >= 0
    if step > np.finfo(np.float32).tiny:
        assert step * (values @ x) == pytest.approx(x @ x, rel=1e-5)
    assert (np.diff(values[np.argsort(rotated)]) >= 0).all()


@pytest.mark.parametrize(
    ("planes", "share"), [(1, 0.62), (2, 0.36), (4, 0.12), (6, 0.05), (8, 0.02)]
)
def test_more_planes_err_less(planes: int, share: float) -> None:
    for seed in range(10):
        rotated = rotated_of(1, 256, seed)[0]
        quantized, step = sketch_query(rotated, planes)
        error = rotated - step * oracle.query_values(quantized)
        assert np.linalg.norm(error) <= 1.35 * share * np.linalg.norm(rotated)


def test_a_query_of_zeros_gives_every_row_its_base() -> None:
    planes, step = sketch_query(np.zeros(64, np.float32))
    assert step == 0
    bits, factors = sketches_of(3, 1)
    _, scores = scan_sketches(planes, step, bits, factors, 3)
    assert scores.tolist() == [0, 0, 0]


@pytest.mark.parametrize("bits", [64, 128, 192, 256, 384])
@pytest.mark.parametrize("planes", [4, 8])
def test_the_estimate_is_unbiased_and_errs_as_its_source_says(bits: int, planes: int) -> None:
    """RaBitQ: the error over |r| |q| has the deviation sqrt((1 / c**2 - 1) / (D - 1)), c ~ 0.8."""
    errors = []
    for seed in range(30):
        rotated = rotated_of(64, bits, seed)
        query, rows = rotated[0], rotated[1:]
        sketched, factors = sketch_rows(rows)
        found, scores = scan_sketches(*sketch_query(query, planes), sketched, factors, 63)
        exact = rows.astype(np.float64) @ query
        sizes = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
        errors.append((scores - exact[found]) / sizes[found])
    all_errors = np.concatenate(errors)
    deviation = 0.755 / np.sqrt(bits)
    assert abs(all_errors.mean()) < 5 * deviation / np.sqrt(all_errors.size)
    assert all_errors.std() == pytest.approx(deviation, rel=0.12)
    assert np.abs(all_errors).max() < 5.5 * deviation


def test_a_row_estimates_its_own_square_exactly() -> None:
    rotated = rotated_of(5, 128)
    bits, factors = sketch_rows(rotated)
    for row in range(5):
        planes = bits[row : row + 1]  # the signs themselves, as a query of step 1
        rows, scores = scan_sketches(planes, 1.0, bits[row : row + 1], factors[row : row + 1], 1)
        assert rows.tolist() == [0]
        sizes = np.abs(rotated[row]).sum()
        assert scores[0] / 128 * sizes == pytest.approx((rotated[row] ** 2).sum(), rel=1e-5)


@each_isa("scan_b1")
@settings(deadline=None)
@given(
    data=st.data(),
    n=lengths(8, 16, 64, most=500),
    words=st.sampled_from(WORDS),
    planes=st.sampled_from([1, 2, 4, 5, 8]),
    k=st.sampled_from([1, 3, 10, 70, 1000, 30_000]),
)
def test_every_isa_equals_a_sort_of_all_scores(
    isa: str, data: st.DataObject, n: int, words: int, planes: int, k: int
) -> None:
    bits, query = data.draw(sketch_words(n, words)), data.draw(sketch_words(planes, words))
    factors = np.abs(data.draw(float_rows(1, n))[0]).clip(0, 1e30)
    offsets, ranges = data.draw(score_offsets(n)), data.draw(disjoint_ranges(n))
    n_ranges = 1 if ranges is None else len(ranges)
    bases = data.draw(score_offsets(n_ranges))
    mask, eligible = data.draw(bitmaps(n)) or (None, None)
    rows, scores = scan_sketches(
        fenced(query),
        STEP,
        fenced(bits),
        fenced(factors),
        k,
        offsets=None if offsets is None else fenced(offsets),
        bases=None if bases is None else fenced(bases),
        eligible=None if eligible is None else fenced(eligible),
        ranges=None if ranges is None else fenced(ranges),
        isa=isa,
    )
    all_scores = oracle.scores(
        query, np.float32(STEP), bits, factors, offsets, base_of_rows(n, ranges, bases)
    )
    wanted_rows, wanted_scores = kernels.best(all_scores, k, kernels.within(n, mask, ranges))
    assert rows.tolist() == wanted_rows
    assert scores.tolist() == wanted_scores


def base_of_rows(
    n: int, ranges: NDArray[np.int64] | None, bases: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    if bases is None:
        return None
    spread = np.zeros(n, np.float32)
    for (start, stop), base in zip([(0, n)] if ranges is None else ranges, bases, strict=True):
        spread[start:stop] = base
    return spread


@each_isa("scan_b1")
@pytest.mark.parametrize("words", [1, 2, 4, 6, 64])
@pytest.mark.parametrize("planes", [1, 4, 8])
def test_the_largest_sums_are_exact(isa: str, words: int, planes: int) -> None:
    ones = np.full((planes, words), 2**64 - 1, np.uint64)
    bits = np.zeros((17, words), np.uint64)
    bits[5] = 2**64 - 1
    rows, scores = scan_sketches(ones, 1.0, bits, np.ones(17, np.float32), 17, isa=isa)
    most = (2**planes - 1) * 64 * words
    assert rows[0] == 5
    assert scores.tolist() == [most] + [-most] * 16


@each_isa("scan_b1")
@pytest.mark.parametrize("words", [1, 2, 3, 4, 6])
def test_memory_of_any_alignment(isa: str, words: int) -> None:
    bits, factors = sketches_of(100, words)
    query = planes_of(words)
    wanted = scan_sketches(query, STEP, bits, factors, 30, isa=isa)
    for start in range(1, 8):
        rows, scores = scan_sketches(
            query, STEP, bits[start:], factors[start:], 30, first_row=start, isa=isa
        )
        kept = wanted[0] >= start
        assert rows[: kept.sum()].tolist() == wanted[0][kept].tolist()
        assert scores[: kept.sum()].tolist() == wanted[1][kept].tolist()


@each_isa("scan_b1")
def test_ties_come_in_order_of_rows(isa: str) -> None:
    bits = np.full((5000, 2), 3, np.uint64)
    ranges = np.array([[3000, 5000], [7, 2900]], np.int64)
    rows, _ = scan_sketches(
        planes_of(2), STEP, bits, np.ones(5000, np.float32), 100, ranges=ranges, isa=isa
    )
    assert rows.tolist() == list(range(7, 107))


@each_isa("scan_b1")
@pytest.mark.parametrize("k", [1, 50, 500])
def test_ranges_that_overlap_give_rows_of_theirs_at_most_k(isa: str, k: int) -> None:
    bits, factors = sketches_of(300, 2)
    ranges = np.array([[10, 200], [0, 0], [100, 290], [10, 290], [10, 290]], np.int64)
    rows, _ = scan_sketches(planes_of(2), STEP, bits, factors, k, ranges=ranges, isa=isa)
    assert len(rows) == min(k, 300)
    assert ((rows >= 10) & (rows < 290)).all()


@each_isa("scan_b1")
@pytest.mark.parametrize("n", [1, 15, 64, 300])
def test_a_score_that_is_nan_is_refused_where_it_is_eligible(isa: str, n: int) -> None:
    bits, factors = sketches_of(n, 2)
    for row in {0, n // 2, n - 1}:
        broken = factors.copy()
        broken[row] = np.nan
        with pytest.raises(ValueRangeError, match="NaN"):
            scan_sketches(planes_of(2), STEP, bits, broken, 5, isa=isa)
        eligible = np.packbits(np.arange(n) != row, bitorder="little")
        rows, _ = scan_sketches(planes_of(2), STEP, bits, broken, 5, eligible=eligible, isa=isa)
        assert row not in rows
        assert len(rows) == min(5, n - 1)


@each_isa("scan_b1")
@settings(deadline=None, max_examples=60)
@given(
    data=st.data(),
    n=lengths(16, 64, most=400),
    queries=st.integers(0, 5),
    words=st.sampled_from([1, 2, 3, 64]),
    k=st.sampled_from([1, 10, 1000]),
)
def test_many_queries_find_what_each_finds_alone(
    isa: str, data: st.DataObject, n: int, queries: int, words: int, k: int
) -> None:
    bits = data.draw(sketch_words(n, words))
    factors = np.abs(data.draw(float_rows(1, n))[0]).clip(0, 1e30)
    planes = data.draw(sketch_words(queries * 3, words)).reshape(queries, 3, words)
    steps = np.linspace(0, 1, queries, dtype=np.float32)
    offsets, ranges = data.draw(score_offsets(n)), data.draw(disjoint_ranges(n))
    _, eligible = data.draw(bitmaps(n)) or (None, None)
    rows, scores, found = scan_sketches_many(
        planes,
        steps,
        fenced(bits),
        fenced(factors),
        k,
        offsets=offsets,
        eligible=eligible,
        ranges=ranges,
        isa=isa,
    )
    assert rows.shape == scores.shape == (queries, min(k, n))
    for query in range(queries):
        alone = scan_sketches(
            planes[query],
            steps[query],
            bits,
            factors,
            k,
            offsets=offsets,
            eligible=eligible,
            ranges=ranges,
            isa="scalar",
        )
        m = found[query]
        assert rows[query, :m].tolist() == alone[0].tolist()
        assert scores[query, :m].tolist() == alone[1].tolist()
        assert (rows[query, m:] == -1).all()
        assert (scores[query, m:] == -np.inf).all()


@each_isa("scan_b1")
@pytest.mark.parametrize("share", [None, 0.02, 0.6])
def test_lists_of_a_large_table(isa: str, share: float | None) -> None:
    n, words = 20_000, 2
    bits, factors = sketches_of(n, words)
    rng = np.random.default_rng(3)
    cuts = np.unique([0, n, *rng.integers(0, n, 90)])
    ranges = rng.permutation(np.stack([cuts[:-1], cuts[1:]], 1)).astype(np.int64)[:70]
    bases = rng.normal(size=len(ranges)).astype(np.float32)
    mask = None if share is None else rng.random(n) < share
    eligible = None if mask is None else np.packbits(mask, bitorder="little")
    query = planes_of(words)
    rows, scores = scan_sketches(
        query, STEP, bits, factors, 200, bases=bases, eligible=eligible, ranges=ranges, isa=isa
    )
    all_scores = oracle.scores(
        query, np.float32(STEP), bits, factors, None, base_of_rows(n, ranges, bases)
    )
    all_scores[~kernels.within(n, mask, ranges)] = -np.inf
    wanted = np.argsort(-all_scores, kind="stable")[:200]
    assert (rows == wanted).all()
    assert (scores == all_scores[wanted]).all()


@each_isa("scan_b1")
def test_from_several_threads(isa: str) -> None:
    bits, factors = sketches_of(5000, 2)
    queries = [planes_of(2, 4, seed) for seed in range(32)]
    wanted = [scan_sketches(query, STEP, bits, factors, 20, isa=isa) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda q: scan_sketches(q, STEP, bits, factors, 20, isa=isa), queries)
        )
    for (rows, scores), (wanted_rows, wanted_scores) in zip(found, wanted, strict=True):
        assert (rows == wanted_rows).all()
        assert (scores == wanted_scores).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0, 1e300])
def test_a_step_that_is_not_finite_or_negative_is_refused(bad: float) -> None:
    bits, factors = sketches_of(3, 1)
    with pytest.raises(ValueRangeError, match="step of a query must be finite"):
        scan_sketches(planes_of(1), bad, bits, factors, 1)
    steps = np.array([1, max(bad, -2.0) if bad < 1e30 else np.inf], np.float32)
    with pytest.raises(ValueRangeError, match="step of a query must be finite"):
        scan_sketches_many(np.stack([planes_of(1)] * 2), steps, bits, factors, 1)


@pytest.mark.parametrize("bad", [[-1, 2], [2, 1], [0, 4], [4, 4], [-(2**63), 2**63 - 1]])
def test_ranges_outside_the_table_are_refused(bad: list[int]) -> None:
    bits, factors = sketches_of(3, 1)
    with pytest.raises(ValueRangeError, match="ranges must satisfy"):
        scan_sketches(planes_of(1), 1.0, bits, factors, 1, ranges=np.array([bad], np.int64))


def test_limits_are_refused_by_name() -> None:
    bits, factors = sketches_of(3, 1)
    with pytest.raises(LimitExceeded, match="planes must be 1 to 8"):
        scan_sketches(planes_of(1, 9), 1.0, bits, factors, 1)
    with pytest.raises(LimitExceeded, match="planes must be 1 to 8"):
        scan_sketches(planes_of(1, 0), 1.0, bits, factors, 1)
    with pytest.raises(LimitExceeded, match="of 1 to 64 words"):
        scan_sketches(planes_of(65), 1.0, *sketches_of(2, 65), 1)
    with pytest.raises(LimitExceeded, match="row numbers"):
        scan_sketches(planes_of(1), 1.0, bits, factors, 1, first_row=2**31 - 3)
    for count in (0, 9, -1, 2.5, None):
        with pytest.raises(ValueRangeError, match="planes must be 1 to 8"):
            sketch_query(np.ones(64, np.float32), count)  # type: ignore[arg-type]
    with pytest.raises(ValueRangeError, match="rotated must be finite"):
        sketch_query(np.full(64, np.inf, np.float32))


@pytest.mark.parametrize("width", [0, 63, 65, 4160])
def test_other_widths_are_refused(width: int) -> None:
    with pytest.raises(ShapeError, match="rotated must be a multiple of 64"):
        sketch_rows(np.zeros((2, width), np.float32))
    with pytest.raises(ShapeError, match="rotated must be a multiple of 64"):
        sketch_query(np.zeros(width, np.float32))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("planes", np.zeros((1, 4, 2), np.int64)),
        ("planes", np.zeros((1, 4, 3), np.uint64)),
        ("planes", np.zeros((4, 2), np.uint64)),
        ("steps", np.ones(2, np.float32)),
        ("bits", np.zeros((3, 2), np.int64)),
        ("bits", np.zeros((2, 3), np.uint64).T),
        ("factors", np.zeros(4, np.float32)),
        ("offsets", np.zeros(3, np.float64)),
        ("eligible", np.ones(3, bool)),
        ("ranges", np.zeros((1, 3), np.int64)),
    ],
)
def test_arrays_of_another_kind_are_refused(name: str, bad: object) -> None:
    bits, factors = sketches_of(3, 2)
    arguments = {
        "planes": planes_of(2)[None],
        "steps": np.ones(1, np.float32),
        "bits": bits,
        "factors": factors,
        "k": 1,
        name: bad,
    }
    with pytest.raises(ShapeError):
        scan_sketches_many(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [np.zeros(2, np.float32), np.zeros(1, np.float64)])
def test_bases_are_one_a_range(bad: NDArray[np.floating]) -> None:
    bits, factors = sketches_of(3, 2)
    with pytest.raises(ShapeError, match="bases"):
        scan_sketches(planes_of(2), 1.0, bits, factors, 1, bases=bad)  # type: ignore[arg-type]
