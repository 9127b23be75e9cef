"""A catalogue read from a bundle whose hashes are right and whose arrays are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerec.bundle.reader import Bundle, open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.errors import BundleCorruptError
from tests.strategies import catalogs

ROWS, DIM = 5, 4


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("catalog") / "shop.bundle"
    records = [
        {"id": f"i{n}", "title": "Lamp", "brand": f"b{n % 2}", "price": n, "stock": n}
        | {"tags": ["red", f"t{n % 3}"], "released": n}
        for n in range(ROWS)
    ]
    catalog = Catalog(
        Items.from_records(records, catalogs.SCHEMA),
        np.random.default_rng(0).standard_normal((ROWS, DIM)).astype(np.float32),
    )
    with BundleWriter(path) as writer:
        catalog.write(writer)
    return open_bundle(path)


def rewritten(bundle: Bundle, path: Path, part: str, change: Callable[[Any], Any]) -> Bundle:
    """The same bundle but for the array ``part``."""
    with BundleWriter(path, base=bundle) as writer:
        writer.keep(*(name for name in bundle.names() if name != part))
        writer.add_array(part, "catalog", change(bundle.array(part)))
        writer.set("catalog", bundle.section("catalog"))
    return open_bundle(path)


WRONG: dict[str, Callable[[Any], Any]] = {
    "catalog/vectors": lambda a: a[:-1],
    "catalog/codes": lambda a: a.astype(np.int16),
    "catalog/scales": lambda a: a.reshape(-1, 1),
    "catalog/alive": lambda a: np.array([255], np.uint8),
    "catalog/ids/order": lambda a: a + np.int32(1),
    "catalog/ids/hashes": lambda a: a.astype(np.int32),
    "catalog/ids/offsets": lambda a: a[::-1].copy(),
    "catalog/ids/data": lambda a: a[:-1],
    "catalog/columns/1/words/data": lambda a: a | np.uint8(128),
    "catalog/columns/0/offsets": lambda a: a + 1,
    "catalog/columns/1/values": lambda a: a + np.int32(1),
    "catalog/columns/1/words/offsets": lambda a: a.reshape(1, -1),
    "catalog/columns/2/values": lambda a: a.astype(np.float32),
    "catalog/columns/3/values": lambda a: a * np.nan,
    "catalog/columns/4/values": lambda a: a + np.uint8(1),
    "catalog/columns/5/values": lambda a: a + np.int32(1),
    "catalog/columns/5/sets/offsets": lambda a: a[::-1].copy(),
    "catalog/columns/5/sets/members": lambda a: a + np.int32(1),
    "catalog/columns/5/words/offsets": lambda a: a[:-1],
    "catalog/columns/6/values": lambda a: a.astype(np.float64),
}


@pytest.mark.parametrize("part", WRONG)
def test_an_array_that_does_not_fit_is_named(bundle: Bundle, part: str, tmp_path: Path) -> None:
    read = rewritten(bundle, tmp_path / "b", part, WRONG[part])
    with read, pytest.raises(BundleCorruptError):
        Catalog.read(read)


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf])
def test_scales_are_finite_and_positive(bundle: Bundle, scale: float, tmp_path: Path) -> None:
    read = rewritten(bundle, tmp_path / "b", "catalog/scales", lambda a: a * 0 + scale)
    with read, pytest.raises(BundleCorruptError, match="scales"):
        Catalog.read(read)


def test_words_of_a_category_differ(bundle: Bundle, tmp_path: Path) -> None:
    read = rewritten(bundle, tmp_path / "b", "catalog/columns/1/words/data", lambda a: a * 0 + 65)
    with read, pytest.raises(BundleCorruptError, match="columns/1"):
        Catalog.read(read)


@pytest.mark.parametrize("part", ["catalog/ids/data", "catalog/columns/0/data"])
def test_text_that_is_not_utf8_is_found_where_it_is_read(
    bundle: Bundle, part: str, tmp_path: Path
) -> None:
    with rewritten(bundle, tmp_path / "b", part, lambda a: a | np.uint8(128)) as read:
        snapshot = Catalog.read(read).snapshot()
        with pytest.raises(BundleCorruptError, match="UTF-8"):
            snapshot.record(0)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"rows": "many"},
        {"dim": DIM + 1},
        {"dim": 0},
        {"vectors": "float64"},
        {"schema": None},
        {"schema": [{"name": "title"}]},
        {"schema": [{"name": "title", "kind": "colour"}]},
        {"schema": [{"name": "title", "kind": "text"}] * 2},
        {"sequence": None},
    ],
)
def test_a_section_that_does_not_fit(
    bundle: Bundle, change: dict[str, Any], tmp_path: Path
) -> None:
    with BundleWriter(tmp_path / "b", base=bundle) as writer:
        writer.keep(*bundle.names())
        writer.set("catalog", bundle.section("catalog") | change)
    with open_bundle(tmp_path / "b") as read, pytest.raises(BundleCorruptError, match="catalog"):
        Catalog.read(read)


def test_the_pages_are_the_bundle_s(bundle: Bundle) -> None:
    now = Catalog.read(bundle).snapshot()
    np.testing.assert_array_equal(now.segments[0].codes, bundle.array("catalog/codes"))
    assert np.shares_memory(now.segments[0].codes, bundle.array("catalog/codes"))
    assert np.shares_memory(now.column("price"), bundle.array("catalog/columns/2/values"))
