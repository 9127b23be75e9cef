"""Train SASRec on public data and keep the weights in the cache.

    python -m bench.train_sasrec --dim 64
    python -m bench.train_sasrec --dim 256

Settings were chosen on the validation targets; test targets are not read here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.sequences import Cases, Sequences, cases, load, training_histories
from edgerec.models.sasrec import FIRST_ITEM, SASRec, SASRecSettings
from edgerec.training.losses import full_softmax
from edgerec.training.trainer import Epoch, TrainingSettings, train

__all__ = ["NextItem", "Recipe", "recipe", "trained"]

CACHE_VARIABLE = "EDGEREC_CACHE"
DATA_SET = "amazon_beauty_s3rec"
REVISION = 1
MAX_MINUTES = 40.0
"""Then the best so far is taken. Not part of the key: a slow machine trains less, not otherwise."""
"""Raised when the code changes what a training gives, so that old weights are not taken for new."""

Items = NDArray[np.int64]
Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a training depends on, but the data."""

    model: SASRecSettings
    training: TrainingSettings
    positions: int
    """Targets a batch."""


def recipe(dim: int, n_items: int) -> Recipe:
    """Give the settings chosen on validation for this width."""
    return Recipe(
        SASRecSettings(n_items, dim=dim, dropout=0.5),
        TrainingSettings(epochs=100, patience=8),
        positions=1500,
    )


class NextItem:
    """Predict every item of a history from those before it; validate on one held-out item a user.

    Sequences of about one length share a batch, so that little is padded; lengths are drawn with
    a jitter, so that batches differ from epoch to epoch.
    """

    def __init__(
        self, histories: tuple[Items, ...], validation: Cases, *, max_length: int, positions: int
    ) -> None:
        self.histories = [history[-max_length - 1 :] + FIRST_ITEM for history in histories]
        self.validation, self.max_length, self.positions = validation, max_length, positions

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield padded (items, following items), both (n, length) int64."""
        lengths = np.array([len(history) - 1 for history in self.histories])
        bucket = np.floor(2 * np.log2(lengths) + rng.random())
        order = rng.permutation(len(lengths))
        order = order[np.argsort(bucket[order], kind="stable")]
        batch_of = np.cumsum(lengths[order]) // self.positions
        groups = np.split(order, np.flatnonzero(np.diff(batch_of)) + 1)
        for place in rng.permutation(len(groups)):
            padded = pad([self.histories[row] for row in groups[place]])
            yield padded[:, :-1], padded[:, 1:]

    def loss(self, model: SASRec, batch: Batch) -> torch.Tensor:
        """Cross-entropy over all items, of the real positions."""
        items, following = batch
        real = following > 0
        return full_softmax(model(items)[real], model.item_vectors(), following[real] - FIRST_ITEM)

    def validate(self, model: SASRec) -> float:
        """NDCG@10 of the full ranking, history removed."""
        ranks = full_ranks(model, self.validation)
        return float(np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0).mean())


def full_ranks(model: SASRec, asked: Cases, *, chunk: int = 512) -> NDArray[np.int64]:
    """1-based rank of each target among all items that its history lacks; ties count against it."""
    limit = model.settings.max_length
    recent = [history[-limit:] + FIRST_ITEM for history in asked.histories]
    order = np.argsort([len(history) for history in recent], kind="stable")
    ranks = np.empty(len(order), np.int64)
    for start in range(0, len(order), chunk):
        rows = order[start : start + chunk]
        padded = pad([recent[row] for row in rows])
        last = torch.tensor([len(recent[row]) - 1 for row in rows])
        states = model(padded)[torch.arange(len(rows)), last]
        scores = (states @ model.item_vectors().T).numpy()
        wanted = scores[np.arange(len(rows)), asked.targets[rows]]
        for place, row in enumerate(rows):
            scores[place, asked.histories[row]] = -np.inf
        ranks[rows] = (scores >= wanted[:, None]).sum(axis=1)
    return ranks


def pad(histories: list[Items]) -> torch.Tensor:
    """(n, longest) int64, zeros on the right."""
    padded = np.zeros((len(histories), max(map(len, histories))), np.int64)
    for row, history in enumerate(histories):
        padded[row, : len(history)] = history
    return torch.from_numpy(padded)


def trained(
    sequences: Sequences, dim: int, *, chosen: Recipe | None = None, threads: int = 1
) -> tuple[SASRec, dict[str, Any]]:
    """Give the trained model and its record, from the cache or trained now.

    An interrupted training goes on where it stopped.
    """
    chosen = chosen or recipe(dim, sequences.n_items)
    settings = {"data": sequences.digest, "revision": REVISION, **asdict(chosen)}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    stem = cache_folder() / f"sasrec-{sequences.name}-d{dim}-{digest[:16]}"
    weights, record = stem.with_suffix(".pt"), stem.with_suffix(".json")
    model = SASRec(chosen.model)
    if not record.exists():
        torch.set_num_threads(threads)
        facts = _train(model, sequences, chosen, stem.with_suffix(".checkpoint"))
        torch.save(model.state_dict(), weights)
        facts = {"settings": settings, **facts, "versions": versions(), "threads": threads}
        record.write_text(json.dumps(facts, indent=2) + "\n")
        stem.with_suffix(".checkpoint").unlink()
    model.load_state_dict(torch.load(weights, weights_only=True))
    return model.eval(), json.loads(record.read_text())


def _train(model: SASRec, sequences: Sequences, chosen: Recipe, checkpoint: Path) -> dict[str, Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(chosen.training.seed)
        model.load_state_dict(SASRec(chosen.model).state_dict())
    task = NextItem(
        training_histories(sequences),
        cases(sequences, "validation"),
        max_length=chosen.model.max_length,
        positions=chosen.positions,
    )
    before = time.process_time()
    limited = replace(chosen.training, max_minutes=MAX_MINUTES)
    outcome = train(model, task, limited, checkpoint=checkpoint, progress=_print)
    return {
        "validation_ndcg@10": outcome.best.score,
        "best_epoch": outcome.best.number,
        "epochs": len(outcome.epochs),
        "seconds": round(outcome.epochs[-1].seconds),
        "cpu_seconds": round(time.process_time() - before),
        "trained": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cache_folder() -> Path:
    """``$EDGEREC_CACHE/bench``, by default ``~/.cache/edgerec/bench``; made if it is not there."""
    named = os.environ.get(CACHE_VARIABLE)
    folder = (Path(named) if named else Path.home() / ".cache" / "edgerec") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def versions() -> dict[str, str]:
    """Name what a training's numbers may depend on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _print(epoch: Epoch) -> None:
    print(
        f"epoch {epoch.number:3d}  loss {epoch.loss:.4f}  validation NDCG@10 {epoch.score:.5f}"
        f"  best {epoch.best_score:.5f}  {epoch.seconds / 60:5.1f} min",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    """Train one width, or say what the cache holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sequences = load(DATA_SET)
    chosen = recipe(options.dim, sequences.n_items)
    chosen = replace(chosen, training=replace(chosen.training, seed=options.seed))
    _, record = trained(sequences, options.dim, chosen=chosen, threads=options.threads)
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
