"""The shop as a directory that ``edgerec build`` can start from."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from edgerec.features.spec import FeatureSpec
from edgerec.recipe.recipe import read_recipe
from edgerec.shop import data

__all__ = ["MODELS", "feature_spec", "shipped_model", "write_shop"]

MODELS = ("item_tower", "user_tower", "query_tower", "ranker")
PACKAGE = resources.files("edgerec.shop")


def write_shop(directory: Path, progress: Callable[[str], None] | None = None) -> None:
    """Write ``data/``, ``models/`` and the recipe ``shop.toml`` into ``directory``.

    ``progress`` hears four lines, one before each step.
    """
    data.write(directory / "data", progress)
    if progress is not None:
        progress("copying the models and the recipe")
    (directory / "models").mkdir(exist_ok=True)
    for name in MODELS:
        (directory / "models" / f"{name}.onnx").write_bytes(shipped_model(name))
    recipe = (PACKAGE / "shop.toml").read_bytes()
    (directory / "shop.toml").write_bytes(recipe)


def feature_spec() -> FeatureSpec:
    """Read the shop's features from its recipe."""
    return read_recipe(Path(__file__).with_name("shop.toml")).features


def shipped_model(name: str) -> bytes:
    """Read one of :data:`MODELS` as it ships: ONNX with its signature."""
    return (PACKAGE / "models" / f"{name}.onnx").read_bytes()
