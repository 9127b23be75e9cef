"""A recipe: the TOML file that says how a shop's bundle is built.

::

    name = "shop"

    [data]                       # paths are relative to the recipe
    items = "data/items.jsonl"   # id, title, brand, category, price, stock, … one item a line
    visits = "data/visits.jsonl" # user, time, query, clicked, purchased; in time order
    holdout = 0.1                # share of the last visits to judge the models on
    judged = 1000                # at most this many of them

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

    [budget]                     # see edgerec.values.budget.Budget
    margin = 0.02

    [compile.ranker]             # for one model; both keys optional
    keeps = [1.0, 0.5]
    precisions = ["int8"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgerec.engine.serving import Settings
from edgerec.errors import EdgerecError, RecipeError
from edgerec.features.spec import FeatureSpec, TextSpec
from edgerec.values.budget import Budget
from edgerec.values.plan import Precision

__all__ = ["MODELS", "Recipe", "Space", "read_recipe"]

Value = TypeVar("Value")
MODELS = ("item_tower", "user_tower", "query_tower", "ranker")
TABLES = {"name", "data", "features", "models", "answers", "retrieval", "budget", "compile"}


@dataclass(frozen=True, slots=True)
class Space:
    """What is tried for one model; see :func:`edgerec.compiler.compilation.compile_model`."""

    keeps: tuple[float, ...] = (1.0, 0.5)
    precisions: tuple[Precision, ...] | None = None


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    _only(tables, TABLES, str(path))
    try:
        return _recipe(tables, path.resolve().parent)
    except KeyError as error:
        raise RecipeError(f"{path}: the key {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{path}: {error}") from error
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def _recipe(tables: Mapping[str, Any], home: Path) -> Recipe:
    data, models = tables["data"], tables["models"]
    _only(data, {"items", "visits", "holdout", "judged"}, "data")
    _only(models, set(MODELS), "models")
    spaces = tables.get("compile", {})
    _only(spaces, set(MODELS), "compile")
    return Recipe(
        name=tables["name"],
        items=home / data["items"],
        visits=home / data["visits"],
        holdout=_share(data.get("holdout", 0.1), "data.holdout"),
        judged=int(data.get("judged", 1000)),
        features=_features(tables["features"]),
        models={name: home / models[name] for name in MODELS},
        settings=_made(Settings, tables.get("answers", {}), "answers"),
        recall=_share(tables.get("retrieval", {}).get("recall", 0.99), "retrieval.recall"),
        budget=_made(Budget, tables.get("budget", {}), "budget"),
        spaces={name: _space(spaces.get(name, {}), name) for name in MODELS},
    )


def _features(table: Mapping[str, Any]) -> FeatureSpec:
    text = _made(TextSpec, table.get("text", {}), "features.text")
    return _made(FeatureSpec, {**table, "text": text}, "features")


def _space(table: Mapping[str, Any], name: str) -> Space:
    _only(table, {"keeps", "precisions"}, f"compile.{name}")
    precisions = table.get("precisions")
    return Space(
        keeps=tuple(float(keep) for keep in table.get("keeps", (1.0, 0.5))),
        precisions=None if precisions is None else tuple(Precision(p) for p in precisions),
    )


def _made(kind: Callable[..., Value], table: Mapping[str, Any], where: str) -> Value:
    """The value a table describes; its own checks speak."""
    try:
        return kind(**table)
    except TypeError as error:
        raise RecipeError(f"[{where}]: {error}") from error
    except EdgerecError as error:
        raise RecipeError(f"[{where}]: {error}") from error


def _share(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise RecipeError(f"{where} is a share between 0 and 1, got {value!r}")
    return float(value)


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(
            f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
