"""The shop as files is the shop in memory, and a recipe reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgerec.catalog.items import Items
from edgerec.events.visits import read_visits
from edgerec.recipe.recipe import read_recipe
from edgerec.shop import data
from edgerec.shop.files import MODELS, shipped_model, write_shop
from edgerec.shop.generator import make_shop
from edgerec.shop.words import read_words


def test_files_hold_what_is_in_memory(tmp_path: Path) -> None:
    shop = make_shop(300, 40)
    told: list[str] = []
    data.write(tmp_path / "new" / "data", told.append, shop=shop)
    lines = (tmp_path / "new" / "data" / data.ITEMS).read_text().splitlines()
    items = Items.from_records([json.loads(line) for line in lines], data.SCHEMA)
    expected = data.items_of(shop)
    assert items.ids == expected.ids
    for name, column in expected.columns.items():
        assert np.array_equal(items.columns[name], column), name
    assert read_visits(tmp_path / "new" / "data" / data.VISITS) == list(data.visits_of(shop))
    assert told == ["writing items and visits"]


def test_visits_name_products_and_shoppers() -> None:
    shop = make_shop(300, 40)
    first = next(data.visits_of(shop))
    assert first.user == f"user-{shop.visits.shopper[0]}"
    assert set(first.purchased) <= set(first.clicked)
    assert first.clicked[0] == f"sku-{shop.visits.clicked[0, 0]}"


def test_the_recipe_states_the_categories_of_the_shop(tmp_path: Path) -> None:
    recipe = read_recipe(Path(data.__file__).with_name("shop.toml"))
    assert recipe.features.categories == tuple(c.name for c in read_words().categories)
    assert recipe.settings.exclude_history
    assert set(recipe.models) == set(MODELS)


@pytest.mark.slow
def test_a_directory_to_build_from(tmp_path: Path) -> None:
    told: list[str] = []
    write_shop(tmp_path / "shop", told.append)
    recipe = read_recipe(tmp_path / "shop" / "shop.toml")
    assert recipe.items.stat().st_size > 1_000_000
    assert recipe.visits.stat().st_size > 1_000_000
    for name, path in recipe.models.items():
        assert path.read_bytes() == shipped_model(name)
    assert len(told) == 4
