"""``edgerec build``: import, compress, measure, choose, index, write, check."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.compiler.compilation import Compiled, Progress, compile_model
from edgerec.compiler.tasks import ask_all, calibration_of, tasks_of
from edgerec.engine.asking import Asking
from edgerec.engine.golden import golden_requests
from edgerec.engine.models import write_model
from edgerec.engine.recommend import recommend
from edgerec.engine.search import search
from edgerec.engine.serving import Serving, encode_items
from edgerec.engine.visitors import Visitors
from edgerec.errors import RecipeError
from edgerec.evaluation.example_files import examples_of, save_examples
from edgerec.evaluation.intervals import relative_difference
from edgerec.evaluation.metrics import metric
from edgerec.evaluation.task import Evaluation, RankingTask
from edgerec.events.visits import Visit, histories_of, read_visits, split_by_time, with_histories
from edgerec.features.text import Vocabulary
from edgerec.importers.importer import import_model
from edgerec.recipe.recipe import MODELS, Recipe
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Strategy, Target
from edgerec.values.model import Model
from edgerec.values.plan import Interval, Plan
from edgerec.values.results import Results
from edgerec.values.signature import Arrays

__all__ = ["Built", "build"]

CALIBRATION_VISITS = 256
GOLDEN_REQUESTS = 24
SAMPLED_QUERIES = 128
BUILD_STEPS = 34
"""Calls of ``progress`` that a build with four models makes, about."""

History = tuple[Visit, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build measured.

    ``before`` and ``after`` are the means of ``metric`` over held-out visits, answered end to end
    by the originals and by what was chosen; ``difference`` is the relative one.
    """

    version: str
    plans: Mapping[str, Plan]
    metric: str
    visits: int
    before: float
    after: float
    difference: Interval
    original_bytes: Mapping[str, int]


def build(
    recipe: Recipe,
    out: Path,
    *,
    force: bool = False,
    seed: int = 0,
    examples: Path | None = None,
    progress: Progress | None = None,
) -> Built:
    """Build a shop's bundle at ``out``.

    Parameters
    ----------
    recipe : Recipe
    out : path
        The bundle's directory.
    force : bool
        Replace ``out`` where it exists.
    seed : int
        Of the bootstrap and of the order of timing.
    examples : path, optional
        A directory to write each model's requests to, as ``<model>.npz``.
    progress : callable, optional

    Raises
    ------
    RecipeError
        The data or a model of the recipe cannot be used.
    NothingFeasible
        A model has no variant inside the budget.
    OutputExists
        ``out`` is there and ``force`` was not given.
    """
    say = progress or _quiet
    with BundleWriter(out, force=force) as writer:
        report = _Build(recipe, seed, examples, say).write(writer)
    return replace(report, version=writer.version)


def _quiet(_text: str) -> None:
    """Progress that nobody watches."""


class _Build:
    """One build, step by step."""

    def __init__(self, recipe: Recipe, seed: int, examples: Path | None, say: Progress) -> None:
        self._recipe = recipe
        self._seed = seed
        self._examples = examples
        self._say = say

    def write(self, writer: BundleWriter) -> Built:
        self._read()
        originals = self._import()
        before = self._serve(_sessions(originals), "originals")
        compiled = self._compile(originals, before)
        after = self._serve(_sessions({n: c.model for n, c in compiled.items()}), "chosen")
        target = Target(k=self._recipe.settings.candidates, recall=self._recipe.recall)
        queries = np.stack([one.vector for one in ask_all(after, self._judged[:SAMPLED_QUERIES])])
        retriever = Retriever.build(
            after.catalog, target, queries=queries, seed=self._seed, progress=self._say
        )
        after = replace(after, retriever=retriever)
        self._say("measuring end to end")
        values = {name: self._end_to_end(parts) for name, parts in (("b", before), ("a", after))}
        self._say("writing the bundle")
        self._write(writer, compiled, after)
        return Built(
            version="",
            plans={name: one.plan for name, one in compiled.items()},
            metric=self._recipe.budget.metric,
            visits=len(values["a"]),
            before=float(values["b"].mean()),
            after=float(values["a"].mean()),
            difference=relative_difference(
                values["b"], values["a"], rng=np.random.default_rng(self._seed)
            ),
            original_bytes={name: model.size_bytes for name, model in originals.items()},
        )

    def _read(self) -> None:
        self._say("reading items")
        records = _read_records(self._recipe.items)
        self._say("reading visits")
        visits = read_visits(self._recipe.visits)
        earlier, later = split_by_time(visits, self._recipe.holdout)
        self._items = Items.from_records(_with_popularity(records, earlier, self._recipe))
        _check_attributes(self._items, self._recipe)
        self._histories = histories_of(earlier)
        self._all_histories = histories_of(visits)
        self._vocabulary = Vocabulary.of(
            self._items.columns["title"], (v.query for v in earlier if v.query)
        )
        calibrating = earlier[-CALIBRATION_VISITS:]
        before = histories_of(earlier[:-CALIBRATION_VISITS])
        self._calibrating = list(with_histories(calibrating, before))
        self._judged = _spread(list(with_histories(later, self._histories)), self._recipe.judged)

    def _import(self) -> dict[str, Model]:
        models = {}
        for name in MODELS:
            self._say(f"{name}: importing")
            models[name] = import_model(self._recipe.models[name], name=name)
        return models

    def _serve(self, sessions: Mapping[str, Session], which: str) -> Serving:
        self._say(f"encoding {len(self._items):,} items ({which})")
        vectors = encode_items(sessions["item_tower"], self._recipe.features, self._items)
        catalog = Catalog(self._items, vectors)
        rows = {identifier: row for row, identifier in enumerate(self._items.ids)}
        return Serving(
            version=which,
            catalog=catalog,
            retriever=_exact(catalog),
            spec=self._recipe.features,
            vocabulary=self._vocabulary,
            visitors=Visitors.of(self._all_histories, rows),
            settings=self._recipe.settings,
            sessions=sessions,
        )

    def _compile(self, originals: Mapping[str, Model], serving: Serving) -> dict[str, Compiled]:
        self._say("encoding held-out visits")
        metric_name = self._recipe.budget.metric
        tasks = tasks_of(serving, self._items, ask_all(serving, self._judged), metric_name)
        calibration = calibration_of(serving, self._items, ask_all(serving, self._calibrating))
        if self._examples is not None:
            self._write_examples(self._examples, originals, calibration, tasks)
        return {
            name: compile_model(
                model,
                calibration=calibration[name],
                evaluation=tasks[name],
                budget=self._recipe.budget,
                keeps=self._recipe.spaces[name].keeps,
                precisions=self._recipe.spaces[name].precisions,
                seed=self._seed,
                progress=self._say,
            )
            for name, model in originals.items()
        }

    def _write_examples(
        self,
        directory: Path,
        originals: Mapping[str, Model],
        calibration: Mapping[str, Sequence[Arrays]],
        tasks: Mapping[str, Evaluation],
    ) -> None:
        """Requests for the commands that take one model: labelled where the task has labels."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, model in originals.items():
            task = tasks[name]
            examples = (
                task.examples
                if isinstance(task, RankingTask)
                else examples_of(calibration[name], model.signature)
            )
            save_examples(directory / f"{name}.npz", examples)

    def _end_to_end(self, serving: Serving) -> NDArray[np.float64]:
        """The metric of each judged visit, asked as a shopper would."""
        compute = metric(self._recipe.budget.metric)
        depth = int(self._recipe.budget.metric.partition("@")[2])
        values = []
        for visit, history in self._judged:
            results = _ask(serving, visit, history, depth)
            place = {identifier: rank for rank, identifier in enumerate(results.ids, 1)}
            gains = visit.gains()
            ranks = np.array([place.get(item, depth + 1) for item in gains], np.int64)
            values.append(compute(ranks, np.array(list(gains.values()), np.float32)))
        return np.array(values)

    def _write(
        self, writer: BundleWriter, compiled: Mapping[str, Compiled], serving: Serving
    ) -> None:
        serving.catalog.write(writer)
        serving.retriever.write(writer)
        serving.visitors.write(writer)
        writer.add("features/words.txt", "vocabulary", serving.vocabulary.to_bytes())
        writer.set("kind", "shop")
        writer.set("name", self._recipe.name)
        writer.set("features", serving.spec.to_dict())
        writer.set("settings", serving.settings.to_dict())
        writer.set(
            "models", {name: write_model(writer, c.plan, c.models) for name, c in compiled.items()}
        )
        writer.set("golden", golden_requests(serving, _golden(self._judged)))


def _sessions(models: Mapping[str, Model]) -> dict[str, Session]:
    """Sessions of originals."""
    return {
        name: backend("onnxruntime").open(model.graph, model.signature, threads=1)
        for name, model in models.items()
    }


def _exact(catalog: Catalog) -> Retriever:
    now = catalog.snapshot()
    reason = "the originals are compared with exact retrieval"
    return Retriever(catalog, Strategy("exact", now.rows, now.dim, Target(), reason))


def _ask(serving: Serving, visit: Visit, history: Sequence[str], k: int) -> Results:
    asking = Asking(history=history, k=k)
    if visit.query is None:
        return recommend(serving, asking)
    return search(serving, visit.query, asking)


def _golden(judged: Sequence[History]) -> list[dict[str, Any]]:
    """Requests of both kinds, as JSON."""
    few = _spread(list(judged), GOLDEN_REQUESTS)
    return [
        {"task": "recommend", "history": list(history), "k": 10}
        if visit.query is None
        else {"task": "search", "query": visit.query, "history": list(history), "k": 10}
        for visit, history in few
    ]


def _spread(visits: list[History], count: int) -> list[History]:
    """``count`` visits evenly over all of them."""
    if len(visits) <= count:
        return visits
    return [visits[int(place)] for place in np.linspace(0, len(visits) - 1, count)]


def _check_attributes(items: Items, recipe: Recipe) -> None:
    """Raise unless there are items with all that the features are made of."""
    if not len(items):
        raise RecipeError(f"{recipe.items} holds no items: a shop needs at least one")
    wanted = {"title", "brand", "category", "price", *recipe.features.dense}
    missing = sorted(wanted - {attribute.name for attribute in items.schema})
    if missing:
        raise RecipeError(
            f"{recipe.items}: items lack {', '.join(missing)}, which the features are made of; "
            f"they have {', '.join(attribute.name for attribute in items.schema)}"
        )


def _read_records(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            return [_record(line, path, number) for number, line in enumerate(lines, 1)]
    except OSError as error:
        raise RecipeError(f"items: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"items: {path} is not UTF-8: {error}") from error


def _record(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise RecipeError(f"{path}:{number}: not a JSON object: {error}") from error
    if not isinstance(record, dict):
        raise RecipeError(f"{path}:{number}: an item is a JSON object, got {record!r}")
    return record


def _with_popularity(
    records: list[dict[str, Any]], visits: Sequence[Visit], recipe: Recipe
) -> list[dict[str, Any]]:
    """Records whose popularity, where they do not bring one, is counted from the visits."""
    name = recipe.settings.popularity
    if not records or name in records[0]:
        return records
    counts: dict[str, int] = {}
    for visit in visits:
        for item in visit.touched:
            counts[item] = counts.get(item, 0) + 1
    return [{**record, name: counts.get(str(record.get("id")), 0)} for record in records]
