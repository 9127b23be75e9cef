"""How good the shop's models are, end to end: ``python -m edgerec.shop.evaluate``.

On held-out visits, beside two yardsticks: what sold most, which any shop has, and the planted
truth, which none has.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerec.backends.registry import backend
from edgerec.errors import SignatureError
from edgerec.evaluation.metrics import ndcg, ranks_of
from edgerec.features.items import item_inputs
from edgerec.features.pairs import HistoryProfile, ranker_inputs
from edgerec.features.requests import query_inputs, user_inputs
from edgerec.features.spec import FeatureSpec
from edgerec.graph.metadata import read_signature
from edgerec.shop.data import items_of
from edgerec.shop.files import MODELS, feature_spec, shipped_model
from edgerec.shop.generator import Shop, make_shop
from edgerec.shop.histories import held_out, histories
from edgerec.shop.oracle import expected_gain
from edgerec.values.signature import Arrays

__all__ = ["Answering", "Quality", "evaluate", "measure", "sessions"]

CANDIDATES = 200
DEPTH = 10
ITEMS_AT_ONCE = 1024
Runs = Mapping[str, Callable[[Arrays], dict[str, NDArray[Any]]]]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """NDCG@10 of each visit, (visits,) float64, and whether something was typed on it."""

    searching: NDArray[np.bool_]
    models: NDArray[np.float64]
    popularity: NDArray[np.float64]
    oracle: NDArray[np.float64]

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Means over all visits, and of each surface."""
        every = np.ones_like(self.searching)
        surfaces = {"all": every, "recommend": ~self.searching, "search": self.searching}
        return {name: self._means(visits) for name, visits in surfaces.items()}

    def _means(self, visits: NDArray[np.bool_]) -> dict[str, float]:
        means = {
            name: float(getattr(self, name)[visits].mean())
            for name in ("models", "popularity", "oracle")
        }
        means["of_oracle"] = means["models"] / means["oracle"]
        means["times_popularity"] = means["models"] / max(means["popularity"], 1e-9)
        return {"visits": int(visits.sum()), **means}


class Answering:
    """The shop's models put together as serving does, with nothing left to chance or speed."""

    def __init__(self, runs: Runs, spec: FeatureSpec, shop: Shop) -> None:
        self._runs, self._spec = runs, spec
        items = item_inputs(spec, items_of(shop))
        self.vectors = np.concatenate(
            [
                self._run("item_tower", {name: a[start:stop] for name, a in items.items()})
                for start, stop in _cuts(len(shop.products))
            ]
        )
        self._category, self._brand = items["category"], items["brand"]
        self._dense, self._price = items["dense"], shop.products.cents / 100

    def ranking(self, query: str | None, past: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rank what is retrieved for a query, or for a history without what is in it."""
        user = self._run("user_tower", user_inputs(self._spec, self.vectors[past]))[0]
        typed = None
        if query is not None:
            typed = self._run("query_tower", query_inputs(self._spec, query))[0]
        scores = self.vectors @ (user if typed is None else typed)
        if typed is None:
            scores[past] = -np.inf
        rows = np.sort(np.argpartition(-scores, CANDIDATES)[:CANDIDATES])
        inputs = ranker_inputs(
            self._spec,
            user=user,
            query=typed,
            vectors=self.vectors[rows],
            item_dense=self._dense[rows],
            categories=self._category[rows],
            brands=self._brand[rows],
            prices=self._price[rows],
            history=HistoryProfile(
                self.vectors[past], self._category[past], self._brand[past], self._price[past]
            ),
        )
        best: NDArray[np.int64] = rows[np.argsort(-self._run("ranker", inputs), kind="stable")]
        return best

    def _run(self, model: str, inputs: Arrays) -> NDArray[np.float32]:
        (output,) = self._runs[model](inputs).values()
        return output


def evaluate(runs: Runs, spec: FeatureSpec, shop: Shop, *, visits: int = 2000) -> Quality:
    """Measure models on ``visits`` of those held out, evenly spread over them.

    Parameters
    ----------
    runs : mapping of str to callable
        Each of the shop's four models, from named inputs to named outputs.
    spec : FeatureSpec
        The features that they were trained on.
    """
    start, count = held_out(len(shop.visits)), len(shop.visits)
    places = np.unique(np.linspace(start, count - 1, visits).astype(np.int64))
    past = histories(shop.visits, spec.history_length)[places]
    answering = Answering(runs, spec, shop)
    sold = _clicks_before(shop, start)
    rows = [
        _judge(answering, shop, int(place), history[history >= 0], sold)
        for place, history in zip(places, past, strict=True)
    ]
    models, popularity, oracle = np.array(rows).T
    return Quality(shop.visits.searching[places], models, popularity, oracle)


def _judge(
    answering: Answering, shop: Shop, visit: int, past: NDArray[np.int64], sold: Scores
) -> tuple[float, float, float]:
    """NDCG@10 of the models, of popularity and of the oracle on one visit."""
    clicked = shop.visits.clicked[visit]
    clicked = clicked[clicked >= 0]
    gains = 1 + shop.visits.purchased[visit, : len(clicked)].astype(np.float32)
    query = shop.queries[visit]
    exclude = past if query is None else past[:0]
    ranked = answering.ranking(query, past)
    place = {int(row): rank for rank, row in enumerate(ranked, 1)}
    ranks = np.array([place.get(int(row), len(ranked) + 1) for row in clicked])
    popular = sold.copy()
    popular[exclude] = -1
    truth = expected_gain(shop, visit, exclude).astype(np.float32)
    return (
        ndcg(ranks, gains, DEPTH),
        ndcg(ranks_of(popular, clicked), gains, DEPTH),
        ndcg(ranks_of(truth, clicked), gains, DEPTH),
    )


def _clicks_before(shop: Shop, stop: int) -> Scores:
    """How often each product was clicked before the held-out visits."""
    clicked = shop.visits.clicked[:stop]
    counts = np.bincount(clicked[clicked >= 0], minlength=len(shop.products))
    return counts.astype(np.float32)


def _cuts(count: int) -> list[tuple[int, int]]:
    return [(start, start + ITEMS_AT_ONCE) for start in range(0, count, ITEMS_AT_ONCE)]


def sessions(engine: str, directory: Path | None = None) -> Runs:
    """Open the models in ``directory``, or those that ship, on a backend."""
    runs = {}
    for name in MODELS:
        file = None if directory is None else directory / f"{name}.onnx"
        graph = shipped_model(name) if file is None else file.read_bytes()
        signature = read_signature(graph)
        if signature is None:
            raise SignatureError(f"{name}.onnx carries no signature")
        runs[name] = backend(engine).open(graph, signature).run
    return runs


def measure(engine: str, directory: Path | None = None, *, visits: int = 2000) -> Quality:
    """Evaluate the models in ``directory``, or those that ship, on the shop that ships."""
    return evaluate(sessions(engine, directory), feature_spec(), make_shop(), visits=visits)


def main() -> None:
    """Measure NDCG@10 of the shop's models on held-out visits."""
    parser = argparse.ArgumentParser(
        prog="python -m edgerec.shop.evaluate", description=main.__doc__
    )
    parser.add_argument("--models", type=Path, help="directory of the ONNX files to measure")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--visits", type=int, default=2000)
    arguments = parser.parse_args()
    quality = measure(arguments.backend, arguments.models, visits=arguments.visits)
    sys.stdout.write(f"{json.dumps(quality.to_dict(), indent=2)}\n")


if __name__ == "__main__":
    main()
