"""Vectors: what the codes of each metric say of the originals, in every segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.catalog.vectors import BLOCK_ROWS, KEPT, METRICS, Kept, Metric, Segment
from edgerec.errors import BundleCorruptError, InvalidInput, ValueRangeError
from edgerec.kernels.quantize import quantize_rows
from tests.strategies import catalogs

DIM = 7


def items_of(count: int, letter: str = "a") -> Items:
    return Items(tuple(f"{letter}{n}" for n in range(count)), {}, ())


def whole(segments: tuple[Segment, ...], field: str) -> NDArray[Any]:
    return np.concatenate([getattr(segment, field) for segment in segments])


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[Catalog, NDArray[np.float32]]:
    """One of any metric, some rows added later, some vectors of zeros, many magnitudes."""
    rows, later = draw(st.integers(1, 12)), draw(st.integers(0, 5))
    vectors = draw(catalogs.vectors(rows + later, DIM))
    vectors *= np.float32(10.0) ** draw(st.integers(-30, 15))
    vectors[draw(st.lists(st.integers(0, rows + later - 1), max_size=2))] = 0
    catalog = Catalog(items_of(rows), vectors[:rows], metric=draw(st.sampled_from(METRICS)))
    catalog.upsert(items_of(later, "b"), vectors[rows:])
    return catalog, vectors


@catalogs.patient
@given(catalogues())
def test_products_of_codes_approach_the_metric(
    made: tuple[Catalog, NDArray[np.float32]],
) -> None:
    catalog, vectors = made
    now = catalog.snapshot()
    codes, scales = whole(now.segments, "codes"), whole(now.segments, "scales")
    plain, plain_scales = quantize_rows(vectors)
    wide = vectors.astype(np.float64)
    norms = np.sqrt((wide**2).sum(axis=1))
    np.testing.assert_array_equal(codes, plain)
    assert scales.dtype == np.float32
    assert (scales > 0).all()
    if now.metric == "cosine":
        live = norms > 0
        np.testing.assert_allclose(scales[live] * norms[live], plain_scales[live], rtol=1e-6)
        assert (scales[~live] == 1).all()
        assert (codes[~live] == 0).all()
    else:
        np.testing.assert_array_equal(scales, plain_scales)
    if now.metric == "l2":
        offsets = whole(now.segments, "offsets")
        assert offsets.dtype == np.float32
        np.testing.assert_allclose(offsets, -(norms**2) / 2, rtol=1e-6, atol=1e-44)
    else:
        assert all(segment.offsets is None for segment in now.segments)


@catalogs.patient
@given(catalogues(), st.data())
def test_compacting_gives_every_row_what_it_had(
    made: tuple[Catalog, NDArray[np.float32]], data: st.DataObject
) -> None:
    catalog, _ = made
    names = catalog.snapshot().ids(np.arange(catalog.snapshot().rows))
    catalog.delete(data.draw(st.lists(st.sampled_from(names), max_size=len(names) - 1)))
    old = catalog.snapshot()
    live = [row for row, name in enumerate(names) if old.row(name) is not None]
    order = np.array(data.draw(st.permutations(live)), np.int32)
    for wanted, new in [(live, catalog.compacted()), (order, catalog.compacted(order))]:
        now = new.snapshot()
        assert (now.metric, now.generation, now.sequence) == (old.metric, 1, old.sequence)
        assert now.ids(np.arange(now.rows)) == tuple(names[row] for row in wanted)
        assert now.rows_of(names)[1] == len(names) - len(live)
        assert len(now.segments) == 1
        for field in ("vectors", "codes", "scales", *(["offsets"] * (old.metric == "l2"))):
            np.testing.assert_array_equal(
                whole(now.segments, field), whole(old.segments, field)[wanted]
            )


@catalogs.patient
@given(catalogues(), st.sampled_from(KEPT), st.data())
def test_what_is_kept_is_what_every_row_gives_back(
    made: tuple[Catalog, NDArray[np.float32]], kept: Kept, data: st.DataObject
) -> None:
    plain, vectors = made
    metric, first = plain.snapshot().metric, plain.snapshot().segments[0].rows
    vectors /= max(1.0, np.abs(vectors).max() / 1e4)  # float16 ends at 65,504
    catalog = Catalog(items_of(first), vectors[:first], metric=metric, originals=kept)
    catalog.upsert(items_of(len(vectors) - first, "b"), vectors[first:])
    now = catalog.snapshot()
    rows = np.array(data.draw(st.permutations(range(now.rows))), np.int32)
    assert now.vectors.kept == kept
    if kept != "none":
        expected = vectors.astype(kept).astype(np.float32)
        assert {s.vectors.dtype for s in now.segments if s.vectors is not None} == {np.dtype(kept)}
    else:
        expected = np.float32(whole(now.segments, "codes") * whole(now.segments, "scales")[:, None])
        assert all(segment.vectors is None for segment in now.segments)
        wide = vectors.astype(np.float64)
        if metric == "cosine":
            norms = np.sqrt((wide**2).sum(axis=1, keepdims=True))
            wide /= np.where(norms > 0, norms, 1)
        halves = whole(now.segments, "scales")[:, None] / 2
        assert (np.abs(expected - wide) <= halves * (1 + 1e-4) + 1e-42).all()
    np.testing.assert_array_equal(now.vectors_of(rows), expected[rows])
    then = catalog.compacted(rows).snapshot()
    assert then.vectors.kept == kept
    np.testing.assert_array_equal(then.vectors_of(np.arange(now.rows)), expected[rows])
    for segment in now.segments:
        here = expected[segment.first_row : segment.first_row + segment.rows]
        np.testing.assert_array_equal(segment.take(slice(1, None)), here[1:])


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("metric", METRICS)
def test_a_bundle_keeps_what_is_kept(kept: Kept, metric: Metric, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, DIM)).astype(np.float32)
    catalog = Catalog(items_of(3), vectors[:3], metric=metric, originals=kept)
    catalog.upsert(items_of(2, "b"), vectors[3:])
    with BundleWriter(tmp_path / "b") as writer:
        catalog.write(writer)
    with open_bundle(tmp_path / "b") as bundle:
        assert bundle.section("catalog")["vectors"] == kept
        assert ("catalog/vectors" in bundle.names()) is (kept != "none")
        read = Catalog.read(bundle)
        rows = np.arange(5)
        np.testing.assert_array_equal(
            read.snapshot().vectors_of(rows), catalog.snapshot().vectors_of(rows)
        )
        read.upsert(items_of(1, "c"), vectors[:1])  # what is mapped grows too
        assert read.snapshot().vectors.kept == kept
        np.testing.assert_array_equal(
            read.snapshot().vectors_of(np.array([5])), catalog.snapshot().vectors_of(rows[:1])
        )


def test_vectors_that_are_mapped_from_a_file_are_kept_there(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", np.ones((3, DIM), np.float16))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    (segment,) = Catalog(items_of(3), mapped).snapshot().segments
    assert np.shares_memory(segment.vectors, mapped)


def test_a_bundle_that_keeps_something_else_is_refused(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "new") as writer:
        Catalog(items_of(3), np.ones((3, DIM), np.float32)).write(writer)
    with open_bundle(tmp_path / "new") as new, BundleWriter(tmp_path / "b", base=new) as writer:
        writer.keep(*new.names())
        writer.set("catalog", new.section("catalog") | {"vectors": "bfloat16"})
    with open_bundle(tmp_path / "b") as bundle, pytest.raises(BundleCorruptError, match="bfloat16"):
        Catalog.read(bundle)


@pytest.mark.parametrize("wrong", ["float64", "", "None", 16, False, np.float32])
def test_originals_are_kept_in_one_of_three_ways(wrong: Any) -> None:
    with pytest.raises(InvalidInput, match="float32, float16, none"):
        Catalog(items_of(1), np.ones((1, DIM), np.float32), originals=wrong)


def test_an_upsert_must_fit_what_is_kept() -> None:
    large = np.full((1, DIM), 70_000, np.float32)
    with pytest.raises(ValueRangeError, match="float16"):
        Catalog(items_of(1), large, originals="float16")
    catalog = Catalog(items_of(1), large, originals="none")
    catalog.upsert(items_of(1, "b"), large)
    np.testing.assert_allclose(catalog.snapshot().vectors_of(np.array([1])), large, rtol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_more_rows_than_are_quantised_at_once(metric: Metric) -> None:
    x = np.random.default_rng(0).standard_normal((BLOCK_ROWS + 3, 2)).astype(np.float16)
    both = Segment.of(x, metric=metric)
    first, last = Segment.of(x[:-3], metric=metric), Segment.of(x[-3:], metric=metric)
    np.testing.assert_array_equal(both.codes, np.concatenate([first.codes, last.codes]))
    np.testing.assert_array_equal(both.scales, np.concatenate([first.scales, last.scales]))


@pytest.mark.parametrize("metric", METRICS)
def test_a_bundle_keeps_the_metric(metric: Metric, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, DIM)).astype(np.float32)
    catalog = Catalog(items_of(3), vectors[:3], metric=metric)
    catalog.upsert(items_of(2, "b"), vectors[3:])
    with BundleWriter(tmp_path / "b") as writer:
        catalog.write(writer)
    with open_bundle(tmp_path / "b") as bundle:
        assert bundle.section("catalog")["metric"] == metric
        now = Catalog.read(bundle).snapshot()
    assert now.metric == metric
    (segment,) = now.segments
    expected = Segment.of(vectors, metric=metric)
    np.testing.assert_array_equal(segment.scales, expected.scales)
    assert (segment.offsets is None) == (expected.offsets is None)
    if segment.offsets is not None and expected.offsets is not None:
        np.testing.assert_array_equal(segment.offsets, expected.offsets)


def test_a_bundle_without_a_metric_is_of_inner_products(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "new") as writer:
        Catalog(items_of(3), np.ones((3, DIM), np.float32)).write(writer)
    with open_bundle(tmp_path / "new") as new, BundleWriter(tmp_path / "b", base=new) as writer:
        section = dict(new.section("catalog"))
        del section["metric"]
        writer.keep(*new.names())
        writer.set("catalog", section)
    with open_bundle(tmp_path / "b") as bundle:
        assert Catalog.read(bundle).snapshot().metric == "inner"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1.0])
def test_offsets_of_a_bundle_are_finite_and_no_more_than_zero(wrong: float, tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "new") as writer:
        Catalog(items_of(3), np.ones((3, DIM), np.float32), metric="l2").write(writer)
    with open_bundle(tmp_path / "new") as new, BundleWriter(tmp_path / "b", base=new) as writer:
        writer.keep(*(name for name in new.names() if name != "catalog/offsets"))
        writer.add_array("catalog/offsets", "catalog", np.full(3, wrong, np.float32))
        writer.set("catalog", new.section("catalog"))
    with open_bundle(tmp_path / "b") as bundle, pytest.raises(BundleCorruptError, match="offsets"):
        Catalog.read(bundle)


@pytest.mark.parametrize("metric", ["euclidean", "", None, 2])
def test_an_unknown_metric_is_refused(metric: Any) -> None:
    with pytest.raises(InvalidInput, match="inner, cosine, l2"):
        Catalog(items_of(1), np.ones((1, DIM), np.float32), metric=metric)
