"""A recipe is read strictly, and a build leaves a bundle or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgerec.errors import EdgerecError, OutputExists, RecipeError
from edgerec.recipe.builder import build
from edgerec.recipe.recipe import read_recipe


def change(recipe: Path, tmp_path: Path, old: str, new: str) -> Path:
    home = tmp_path / "shop"
    shutil.copytree(recipe.parent, home)
    text = recipe.read_text()
    assert old in text
    (home / recipe.name).write_text(text.replace(old, new, 1))
    return home / recipe.name


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "small"', "", "'name'"),
        ("holdout = 0.3", "holdout = 1.5", "data.holdout"),
        ("holdout = 0.3", "hold_out = 0.3", "hold_out"),
        ("[budget]", "[bugdet]", "bugdet"),
        ("margin = 0.2", "margin = 2.0", "margin"),
        ("margin = 0.2", "margins = 0.2", "margins"),
        ("candidates = 50", "candidates = 0", "candidates"),
        ('precisions = ["int8"]', 'precisions = ["int9"]', "int9"),
        ("buckets = 256", "buckets = 2", "buckets"),
        ("[data]", "[data", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_place(
    small_shop: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = change(small_shop, tmp_path, old, new)
    with pytest.raises(RecipeError, match=words):
        read_recipe(path)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.jsonl", ""),
        ("items.jsonl", "{nonsense}\n"),
        ("items.jsonl", '{"id": "a"}\n[1]\n'),
        ("visits.jsonl", ""),
        ("visits.jsonl", '{"user": "u", "clicked": "sku-1"}\n'),
        ("visits.jsonl", '{"user": "u", "time": 2}\n{"user": "u", "time": 1}\n'),
    ],
)
def test_data_that_cannot_be_used_leaves_nothing_behind(
    small_shop: Path, tmp_path: Path, name: str, content: str
) -> None:
    home = tmp_path / "shop"
    shutil.copytree(small_shop.parent, home)
    (home / "data" / name).write_text(content)
    with pytest.raises(EdgerecError):
        build(read_recipe(home / small_shop.name), tmp_path / "x.bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]


def test_an_existing_bundle_is_not_replaced_unasked(small_shop: Path, small_bundle: Path) -> None:
    with pytest.raises(OutputExists):
        build(read_recipe(small_shop), small_bundle)
