"""``edgerec build``: import, compress, measure, choose, index, write, check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.vectors import Kept
from edgerec.compiler.compilation import compile_model
from edgerec.compiler.search import Compiled, Progress, steps
from edgerec.compiler.tasks import ask_all, calibration_of, item_batches, spread, tasks_of
from edgerec.compiler.variants import Space
from edgerec.engine.golden import ask, golden_requests
from edgerec.engine.models import write_model
from edgerec.engine.serving import MODELS, Serving, encode_items
from edgerec.engine.visitors import Visitors
from edgerec.evaluation.example_files import ExampleFiles, examples_of
from edgerec.evaluation.intervals import relative_difference
from edgerec.evaluation.metrics import metric
from edgerec.evaluation.task import Evaluation, RankingTask
from edgerec.events.visits import Arrival
from edgerec.importers.importer import import_model
from edgerec.recipe.data import ShopData, read_shop_data
from edgerec.recipe.recipe import Recipe
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target
from edgerec.values.examples import Examples
from edgerec.values.metric import MetricName
from edgerec.values.model import Model
from edgerec.values.plan import Interval, Plan, Variant
from edgerec.values.signature import Arrays

__all__ = ["Built", "build", "build_steps"]

GOLDEN_REQUESTS = 24
SAMPLED_QUERIES = 256
GOLDEN_K = 10
END_TO_END_VISITS = 3000
LONGEST_HISTORY = 1000
"""Latest items of a history that a request names."""
OWN_STEPS = 8
"""Calls of ``progress`` beside those for single models."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build measured.

    ``before`` and ``after`` are the means of ``metric`` over ``visits`` held-out visits, answered
    end to end by the originals and by what was chosen; ``difference`` is the relative one.
    """

    version: str
    plans: Mapping[str, Plan]
    metric: str
    visits: int
    before: float
    after: float
    difference: Interval
    original_bytes: Mapping[str, int]


def build_steps(recipe: Recipe) -> int:
    """How often a build of ``recipe`` calls its progress, at most."""
    return OWN_STEPS + sum(1 + steps(recipe.spaces[name]) for name in MODELS)


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
        Replace ``out``, and files in ``examples``, where they exist.
    seed : int
        Of the bootstrap and of the order of timing.
    examples : path, optional
        A directory to write each model's requests to, as ``<model>.npz``, if the build succeeds.
    progress : callable, optional
        Called with a short text before each step, :func:`build_steps` times at most.

    Raises
    ------
    RecipeError
        The data or a model of the recipe cannot be used.
    NothingFeasible
        A model has no variant inside the budget.
    OutputExists
        ``out`` or a file in ``examples`` is there and ``force`` was not given.
    """
    with ExitStack() as outputs:
        files = None
        if examples is not None:
            files = outputs.enter_context(ExampleFiles(examples, MODELS, force=force))
        writer = outputs.enter_context(BundleWriter(out, force=force))
        with ExitStack() as sessions:
            report = _Build(recipe, seed, progress or _quiet, sessions).run(writer, files)
    return replace(report, version=writer.version)


def _quiet(_text: str) -> None:
    """Progress that nobody watches."""


class _Build:
    """One build, step by step; what it opens is closed with ``sessions``."""

    def __init__(self, recipe: Recipe, seed: int, say: Progress, sessions: ExitStack) -> None:
        self._recipe = recipe
        self._seed = seed
        self._say = say
        self._sessions = sessions

    def run(self, writer: BundleWriter, files: ExampleFiles | None) -> Built:
        data = read_shop_data(self._recipe, self._say)
        originals = self._import()
        before = self._serve(data, _originals(originals), "originals")
        compiled = self._compile(data, originals, before, files)
        chosen = {name: (c.plan.chosen.variant, c.model) for name, c in compiled.items()}
        kept = self._recipe.originals
        after = self._retrieving(data, self._serve(data, chosen, "chosen", kept))
        self._say("measuring end to end")
        judged = spread(data.judged, END_TO_END_VISITS)
        values = [self._end_to_end(serving, judged) for serving in (before, after)]
        self._say("writing the bundle")
        self._write(writer, compiled, after)
        few = spread(judged, GOLDEN_REQUESTS)
        requests = [_request(arrival, GOLDEN_K) for arrival in few]
        writer.set("golden", golden_requests(after, requests))
        return Built(
            version="",
            plans={name: one.plan for name, one in compiled.items()},
            metric=self._recipe.budget.metric,
            visits=len(judged),
            before=float(values[0].mean()),
            after=float(values[1].mean()),
            difference=relative_difference(*values, rng=np.random.default_rng(self._seed)),
            original_bytes={name: model.size_bytes for name, model in originals.items()},
        )

    def _import(self) -> dict[str, Model]:
        models = {}
        for name in MODELS:
            self._say(f"{name}: importing")
            models[name] = import_model(self._recipe.models[name], name=name)
        return models

    def _serve(
        self,
        data: ShopData,
        models: Mapping[str, tuple[Variant, Model]],
        which: str,
        kept: Kept = "float32",
    ) -> Serving:
        """The shop with these models, their vectors ``kept`` so, and exact retrieval."""
        self._say(f"encoding {len(data.items):,} items ({which})")
        sessions = {name: self._open(*one) for name, one in models.items()}
        vectors = encode_items(sessions["item_tower"], self._recipe.features, data.items)
        catalog = Catalog(data.items, vectors, originals=kept)
        return Serving(
            version=which,
            catalog=catalog,
            retriever=Retriever.exact(catalog, "the originals are compared with exact retrieval"),
            spec=self._recipe.features,
            vocabulary=data.vocabulary,
            visitors=Visitors.of(data.histories, catalog.snapshot()),
            settings=self._recipe.settings,
            sessions=sessions,
        )

    def _open(self, variant: Variant, model: Model) -> Session:
        session = backend(variant.backend).open(
            model.graph, model.signature, threads=variant.threads
        )
        self._sessions.callback(session.close)
        return session

    def _compile(
        self,
        data: ShopData,
        originals: Mapping[str, Model],
        serving: Serving,
        files: ExampleFiles | None,
    ) -> dict[str, Compiled]:
        self._say("encoding visits")
        batches = item_batches(serving.spec, data.items)
        judged, calibrating = ask_all(serving, data.judged), ask_all(serving, data.calibrating)
        tasks = tasks_of(serving, batches, judged, self._recipe.budget.metric)
        calibration = calibration_of(serving, batches, calibrating)
        if files is not None:
            for name, model in originals.items():
                files.save(name, _examples(tasks[name], calibration[name], model))
        return {
            name: compile_model(
                model,
                calibration=calibration[name],
                evaluation=tasks[name],
                budget=self._recipe.budget,
                backends=self._recipe.spaces[name].backends,
                precisions=self._recipe.spaces[name].precisions,
                keeps=self._recipe.spaces[name].keeps,
                seed=self._seed,
                progress=self._say,
            )
            for name, model in originals.items()
        }

    def _retrieving(self, data: ShopData, serving: Serving) -> Serving:
        """The shop with the retrieval that suits it, chosen on visits that judge nothing."""
        self._say("choosing how to retrieve")
        asked = ask_all(serving, spread(data.calibrating, SAMPLED_QUERIES))
        queries = np.stack([one.vector for one in asked])
        target = Target(k=self._recipe.settings.candidates, recall=self._recipe.recall)
        retriever = Retriever.build(serving.catalog, target, queries=queries, seed=self._seed)
        catalog = retriever.catalog  # lists want the rows in their order
        visitors = serving.visitors.renumbered(catalog.snapshot())
        return replace(serving, catalog=catalog, retriever=retriever, visitors=visitors)

    def _end_to_end(self, serving: Serving, judged: Sequence[Arrival]) -> NDArray[np.float64]:
        """The metric of each visit, asked as a shopper would."""
        name = self._recipe.budget.metric
        compute, depth = metric(name), MetricName.parse(name).depth
        values = np.zeros(len(judged))
        for place, arrival in enumerate(judged):
            ids = ask(serving, _request(arrival, depth)).ids
            rank = {identifier: rank for rank, identifier in enumerate(ids, 1)}
            gains = arrival.visit.gains()
            ranks = np.array([rank.get(item, depth + 1) for item in gains], np.int64)
            values[place] = compute(ranks, np.array(list(gains.values()), np.float32))
        return values

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


def _originals(models: Mapping[str, Model]) -> dict[str, tuple[Variant, Model]]:
    """The models as they came, on the first backend."""
    return {name: (Space().full_width(1)[0], model) for name, model in models.items()}


def _examples(task: Evaluation, calibration: Sequence[Arrays], model: Model) -> Examples:
    """Requests for the commands that take one model: labelled where the task has labels."""
    if isinstance(task, RankingTask):
        return task.examples
    return examples_of(calibration, model.signature)


def _request(arrival: Arrival, k: int) -> dict[str, Any]:
    """What a visit asks, as JSON."""
    history = list(arrival.history[-LONGEST_HISTORY:])
    if arrival.visit.query is None:
        return {"task": "recommend", "history": history, "k": k}
    return {"task": "search", "query": arrival.visit.query, "history": history, "k": k}
