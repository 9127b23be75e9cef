"""A recipe: the TOML file that says how a shop's bundle is built.

::

    name = "shop"

    [data]                       # paths are relative to the recipe
    items = "data/items.jsonl"   # id, title, brand, category, price, stock, … one item a line
    visits = "data/visits.jsonl" # user, time, query, clicked, purchased; in time order
    holdout = 0.1                # share of the last visits to judge the models on
    judged = 8000                # at most this many of them, evenly; the gate says if too few

    [features]                   # see edgerec.features.spec.FeatureSpec

    [models]                     # ONNX with embedded signatures, as `edgerec convert` writes them
    item_tower = "models/item_tower.onnx"
    user_tower = "models/user_tower.onnx"
    query_tower = "models/query_tower.onnx"
    ranker = "models/ranker.onnx"

    [answers]                    # see edgerec.engine.serving.Settings
    candidates = 200

    [retrieval]
    recall = 0.99                # of the k best by inner product
    originals = "float32"        # what is kept of vectors beside int8 codes; "float16" or "none"

    [budget]                     # see edgerec.values.budget.Budget
    margin = 0.02

    [compile.ranker]             # for one model; every key optional
    backends = ["onnxruntime", "openvino"]
    precisions = ["int8"]        # beside fp32
    keeps = [1.0, 0.5]           # shares of hidden width

A key that is not known here, and a value of another type, are refused by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerec.catalog.vectors import KEPT, Kept
from edgerec.compiler.variants import PRECISIONS, Space
from edgerec.engine.serving import MODELS, Settings
from edgerec.errors import InvalidInput, RecipeError
from edgerec.features.spec import FeatureSpec, TextSpec
from edgerec.recipe.tables import Table
from edgerec.values.budget import Budget

__all__ = ["Recipe", "read_recipe"]

TABLES = ("name", "data", "features", "models", "answers", "retrieval", "budget", "compile")
JUDGED = 8000
RECALL = 0.99
KEEPS = (1.0, 0.5)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe, read and checked; paths are absolute."""

    name: str
    items: Path
    visits: Path
    holdout: float
    judged: int
    features: FeatureSpec
    models: Mapping[str, Path]
    settings: Settings
    recall: float
    originals: Kept
    budget: Budget
    spaces: Mapping[str, Space]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    RecipeError
        The file is missing, is not TOML, lacks a key or has one that means nothing.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    try:
        return _recipe(tables, path.resolve().parent)
    except InvalidInput as error:
        raise RecipeError(f"{path}: {error}") from error


def _recipe(tables: Mapping[str, Any], home: Path) -> Recipe:
    recipe = Table(tables, "the recipe").only(TABLES)
    data = recipe.table("data", required=True).only(("items", "visits", "holdout", "judged"))
    features = recipe.table("features", required=True)
    models = recipe.table("models", required=True).only(MODELS)
    spaces = recipe.table("compile").only(MODELS)
    retrieval = recipe.table("retrieval").only(("recall", "originals"))
    return Recipe(
        name=recipe.text("name"),
        items=home / data.text("items"),
        visits=home / data.text("visits"),
        holdout=data.share("holdout", 0.1),
        judged=data.integer("judged", JUDGED, least=2),
        features=_features(features),
        models={name: home / models.text(name) for name in MODELS},
        settings=recipe.table("answers").made(Settings),
        recall=retrieval.share("recall", RECALL, whole=True),
        originals=retrieval.choice("originals", KEPT, "float32"),
        budget=recipe.table("budget").made(Budget),
        spaces={name: _space(spaces.table(name)) for name in MODELS},
    )


def _features(table: Table) -> FeatureSpec:
    text, rest = table.split("text")
    return rest.made(FeatureSpec, text=text.made(TextSpec))


def _space(table: Table) -> Space:
    table.only(("backends", "precisions", "keeps"))
    try:
        return Space.of(
            table.listed("backends", str, tuple(PRECISIONS)),
            table.listed("precisions", str, None),
            table.listed("keeps", float, KEEPS),
        )
    except InvalidInput as error:
        raise RecipeError(f"{table}: {error}") from error
