"""Items to tensors: ids, brands nobody has seen, numbers as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.catalog.items import Items
from edgerec.errors import InvalidInput
from edgerec.features.items import brand_ids, category_ids, item_inputs
from edgerec.features.spec import FeatureSpec
from edgerec.features.text import ngram_ids, words
from tests.strategies import text as strategies

SPEC = FeatureSpec(categories=("beds", "lamps"), brand_buckets=64)
LAMP = {"title": "Oak lamp", "brand": "Acme", "category": "lamps", "price": 9.99, "popularity": 3}


def items(*changes: dict[str, object]) -> Items:
    return Items.from_records([{"id": str(i), **LAMP, **c} for i, c in enumerate(changes)])


def test_inputs_of_a_tower() -> None:
    inputs = item_inputs(SPEC, items({}, {"title": "Walnut queen bed", "category": "beds"}))
    assert np.array_equal(inputs["title"], ngram_ids(["Oak lamp", "Walnut queen bed"], SPEC.text))
    assert inputs["category"].tolist() == [3, 2]
    assert inputs["dense"].dtype == np.float32
    assert inputs["dense"].tolist() == [[np.float32(9.99), 3.0]] * 2
    assert inputs["brand"][0] == inputs["brand"][1]


def test_no_items() -> None:
    inputs = item_inputs(SPEC, Items((), dict.fromkeys(LAMP, ()), items({}).schema))
    assert {name: len(array) for name, array in inputs.items()} == dict.fromkeys(inputs, 0)


@given(st.lists(st.sampled_from(["beds", "lamps", "sofas", ""]), max_size=5))
def test_an_unknown_category_has_id_1(names: list[str]) -> None:
    known = {"beds": 2, "lamps": 3}
    assert category_ids(SPEC, names).tolist() == [known.get(name, 1) for name in names]


@given(st.lists(strategies.texts(), max_size=6))
def test_every_brand_has_a_bucket_that_depends_on_its_name_alone(names: list[str]) -> None:
    ids = brand_ids(SPEC, names)
    assert ids.dtype == np.int64
    for name, place in zip(names, ids.tolist(), strict=True):
        assert brand_ids(SPEC, [name]).tolist() == [place]
        assert 2 <= place < 64 if words(name) else place == 1


def test_brands_are_folded() -> None:
    assert len(set(brand_ids(SPEC, ["Acme", "ACME", " acme "]).tolist())) == 1


def test_a_missing_attribute_is_named() -> None:
    some = Items.from_records([{"id": "a", "title": "Oak lamp"}])
    with pytest.raises(InvalidInput, match=r"'category'.*title"):
        item_inputs(SPEC, some)


def test_attributes_of_the_wrong_kind_are_named() -> None:
    with pytest.raises(InvalidInput, match="'price' wants a number"):
        item_inputs(SPEC, items({"price": "cheap"}))
    with pytest.raises(InvalidInput, match="'title' wants text"):
        item_inputs(SPEC, Items.from_records([{"id": "a", **LAMP, "title": 3}]))
