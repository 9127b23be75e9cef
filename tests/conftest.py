"""Fixtures that several test modules share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small_shop import write_small_shop


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recipe of a small shop, its data and models beside it."""
    return write_small_shop(tmp_path_factory.mktemp("small") / "shop")


@pytest.fixture(scope="session")
def small_bundle(small_shop: Path) -> Path:
    """The small shop, built."""
    from edgerec.recipe.builder import build
    from edgerec.recipe.recipe import read_recipe

    out = small_shop.parent / "small.bundle"
    build(read_recipe(small_shop), out, examples=small_shop.parent / "examples")
    return out
