"""Train the shop's models: ``python -m edgerec.shop.train`` (extra ``train``).

The shop, the split and every random choice are fixed, so that a run on the same versions of the
same libraries makes the same models.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgerec.features.spec import FeatureSpec
from edgerec.importers.importer import import_model
from edgerec.models.dcn import DCN, ranker_signature
from edgerec.models.two_tower import item_signature, query_signature, user_signature
from edgerec.shop.files import feature_spec
from edgerec.shop.generator import make_shop
from edgerec.shop.histories import held_out
from edgerec.shop.lessons import Lessons, make_lessons
from edgerec.shop.ranker_training import RankerTask, list_ndcg, make_lists, ranker_settings
from edgerec.shop.tower_training import Towers, TowerTask, item_vectors, tower_settings
from edgerec.training.trainer import Epoch, TrainingSettings, train
from edgerec.values.signature import Signature

__all__ = ["train_models"]

CHECKED = 0.02
"""Share of the visits, the last before those held out, that training checks itself on."""

MOST_CHECKED = 1000
RANKED = 30_000
"""Visits, the last before those, that only the ranker learns from: on visits that the towers know,
retrieval is better than it will ever be again, and the ranker would trust it too much."""

DECAY = 1e-5
Phase = tuple[int, float]
"""Epochs at a learning rate."""

TOWER_PHASES: tuple[Phase, ...] = ((7, 2e-3), (3, 5e-4), (1, 1.5e-4))
RANKER_PHASES: tuple[Phase, ...] = ((2, 1e-3), (1, 2e-4))


def train_models(
    out: Path,
    *,
    tower_phases: tuple[Phase, ...] = TOWER_PHASES,
    ranker_phases: tuple[Phase, ...] = RANKER_PHASES,
    seed: int = 0,
) -> dict[str, Any]:
    """Train, export to ``out`` and return what was reached."""
    torch.manual_seed(seed)
    shop = make_shop(progress=_say)
    lessons = make_lessons(shop, feature_spec())
    stop = held_out(len(shop.visits))
    start = stop - round(len(shop.visits) * CHECKED)
    check = np.linspace(start, stop - 1, MOST_CHECKED).astype(np.int64)
    towers = Towers(tower_settings(lessons.spec))
    towers.item.numbers.fit(lessons.dense)
    task = TowerTask(lessons, np.arange(start - RANKED), check)
    recall = _phases("towers", towers, task, tower_phases, seed)
    ranker, ndcg = _train_ranker(
        towers, lessons, np.arange(start - RANKED, start), check, ranker_phases, seed
    )
    _export(out, towers, ranker, lessons.spec)
    report = {
        "seed": seed,
        "torch": torch.__version__,
        "visits": {"towers": start - RANKED, "ranker": RANKED, "checked": MOST_CHECKED},
        "tower_phases": tower_phases,
        "ranker_phases": ranker_phases,
        "recall@200": recall,
        "ndcg@10": ndcg,
    }
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def _train_ranker(
    towers: Towers,
    lessons: Lessons,
    learned: Any,
    check: Any,
    phases: tuple[Phase, ...],
    seed: int,
) -> tuple[DCN, float]:
    vectors = torch.zeros(lessons.items + 1, lessons.spec.dim)
    vectors[:-1] = item_vectors(towers.item, lessons)
    _say("retrieving candidates to rank")
    lists = make_lists(towers, vectors, lessons, learned)
    task = RankerTask(lessons, vectors, lists, make_lists(towers, vectors, lessons, check))
    ranker = DCN(ranker_settings(lessons.spec))
    some = slice(0, 2000)
    *_, dense = lessons.item(lists.items[some].reshape(-1))
    pair = torch.from_numpy(lists.pair[some].reshape(-1, lists.pair.shape[2]))
    ranker.fit_scales(dense, pair)
    _phases("ranker", ranker, task, phases, seed)
    return ranker, float(list_ndcg(task, ranker, task.check).mean())


def _phases(name: str, model: Any, task: Any, phases: tuple[Phase, ...], seed: int) -> float:
    """Train at one rate after the other; the best weights of each phase start the next."""
    score = 0.0
    for number, (epochs, rate) in enumerate(phases):
        settings = TrainingSettings(epochs, rate, DECAY, seed=1000 * seed + number)
        outcome = train(model, task, settings, progress=lambda epoch: _tell(name, epoch))
        score = outcome.best.score
    return score


def _export(out: Path, towers: Towers, ranker: DCN, spec: FeatureSpec) -> None:
    """Write each model as ONNX with its signature, checked against torch on every backend."""
    settings, ranked = tower_settings(spec), ranker_settings(spec)
    models: dict[str, tuple[nn.Module, Signature]] = {
        "item_tower": (towers.item, item_signature(settings)),
        "user_tower": (towers.user, user_signature(settings)),
        "query_tower": (towers.query, query_signature(settings)),
        "ranker": (ranker, ranker_signature(ranked)),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, (module, signature) in models.items():
        _say(f"exporting {name}")
        model = import_model(module, signature=signature, name=name)
        (out / f"{name}.onnx").write_bytes(model.graph)


def _tell(name: str, epoch: Epoch) -> None:
    _say(
        f"{name}, epoch {epoch.number}: loss {epoch.loss:.4f}, score {epoch.score:.4f}, "
        f"{epoch.seconds:.0f} s"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> None:
    """Train the shop's towers and ranker, and write them as ONNX."""
    parser = argparse.ArgumentParser(prog="python -m edgerec.shop.train", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("models"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    report = train_models(arguments.out, seed=arguments.seed)
    sys.stdout.write(f"{json.dumps(report)}\n")


if __name__ == "__main__":
    main()
