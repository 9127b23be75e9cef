"""One training loop: AdamW, early stopping on a validation score, resumable checkpoints.

A run that was interrupted and resumed ends with the same weights as one that was not: the random
numbers of an epoch depend on the seed and the epoch alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from edgerec.errors import RecipeError, ValueRangeError

__all__ = ["Epoch", "Outcome", "Task", "TrainingSettings", "train"]

ModelT = TypeVar("ModelT", bound=nn.Module, contravariant=True)
Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How long and how hard to train.

    Parameters
    ----------
    epochs : int >= 1
        At most so many.
    learning_rate : float > 0
    weight_decay : float >= 0
        Decoupled, of matrices only.
    patience : int >= 1
        Epochs without a better validation score after which to stop.
    max_minutes : float > 0 or None
        No epoch starts after so much training time, resumed parts included.
    seed : int >= 0
    """

    epochs: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    patience: int = 10
    max_minutes: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        minutes = 1.0 if self.max_minutes is None else self.max_minutes
        positive = self.learning_rate > 0 and minutes > 0
        if min(self.epochs, self.patience) < 1 or not positive:
            raise ValueRangeError(f"epochs, patience, rate and minutes must be positive: {self}")
        if not self.weight_decay >= 0 or self.seed < 0:
            raise ValueRangeError(f"decay and seed must be >= 0: {self}")


class Task(Protocol[ModelT, Batch]):
    """What is trained for."""

    def batches(self, rng: np.random.Generator) -> Iterable[Batch]:
        """One epoch's batches, in an order drawn from ``rng``."""
        ...

    def loss(self, model: ModelT, batch: Batch) -> torch.Tensor:
        """Give a scalar to minimise."""
        ...

    def validate(self, model: ModelT) -> float:
        """Score a model in eval mode, higher is better, on data that is not trained on."""
        ...


@dataclass(frozen=True, slots=True)
class Epoch:
    """What ``progress`` hears after each epoch.

    ``number`` counts from 1; ``seconds`` since the start of the first one, validation included.
    """

    number: int
    loss: float
    score: float
    best_score: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """``best`` is the epoch whose weights the model now has."""

    epochs: tuple[Epoch, ...]
    best: Epoch


def train(
    model: ModelT,
    task: Task[ModelT, Batch],
    settings: TrainingSettings,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Train until the validation score stops rising, and leave the best weights in ``model``.

    Parameters
    ----------
    checkpoint
        Written after each epoch; if it is there already, training goes on from it.

    Raises
    ------
    RecipeError
        ``checkpoint`` was written under other settings, or for another model.
    """
    run = Run(model, task, settings)
    if checkpoint is not None and checkpoint.exists():
        run.load(checkpoint)
    while not run.finished():
        run.epoch(clock)
        if checkpoint is not None:
            run.save(checkpoint)
        if progress is not None:
            progress(run.epochs[-1])
    model.load_state_dict(run.best_weights)
    model.eval()
    return Outcome(tuple(run.epochs), run.best)


class Run(Generic[ModelT, Batch]):
    """The state of a training between two epochs."""

    def __init__(
        self, model: ModelT, task: Task[ModelT, Batch], settings: TrainingSettings
    ) -> None:
        self.model, self.task, self.settings = model, task, settings
        self.optimizer = torch.optim.AdamW(
            parameter_groups(model, settings.weight_decay), lr=settings.learning_rate
        )
        self.epochs: list[Epoch] = []
        self.best_weights = copied(model.state_dict())

    @property
    def best(self) -> Epoch:
        """The first epoch with the highest score; NaN is below any other."""
        return max(self.epochs, key=lambda epoch: comparable(epoch.score))

    def finished(self) -> bool:
        """Whether no further epoch may start."""
        if not self.epochs:
            return False
        last, minutes = self.epochs[-1], self.settings.max_minutes
        return (
            last.number >= self.settings.epochs
            or last.number - self.best.number >= self.settings.patience
            or (minutes is not None and last.seconds >= 60 * minutes)
        )

    def epoch(self, clock: Callable[[], float]) -> None:
        """Train on every batch once, then validate."""
        started, before = clock(), self.epochs[-1].seconds if self.epochs else 0.0
        seed = (self.settings.seed, len(self.epochs))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
            loss = self.fit(np.random.default_rng(seed))
        self.model.eval()
        with torch.no_grad():
            score = self.task.validate(self.model)
        if not self.epochs or comparable(score) > comparable(self.best.score):
            self.best_weights = copied(self.model.state_dict())
        best = max([score, *(epoch.score for epoch in self.epochs)], key=comparable)
        seconds = before + clock() - started
        self.epochs.append(Epoch(len(self.epochs) + 1, loss, score, best, seconds))

    def fit(self, rng: np.random.Generator) -> float:
        """One pass over the training data; the mean loss of its batches."""
        self.model.train()
        losses = []
        for batch in self.task.batches(rng):
            loss = self.task.loss(self.model, batch)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def save(self, path: Path) -> None:
        """Write everything that :meth:`load` needs, aside and then in place."""
        aside = path.with_name(path.name + ".partial")
        state = {
            "settings": asdict(self.settings),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "model": self.model.state_dict(),
            "best": self.best_weights,
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(state, aside)
        aside.replace(path)

    def load(self, path: Path) -> None:
        """Go on where :meth:`save` stopped."""
        state = torch.load(path, weights_only=True)
        if state["settings"] != asdict(self.settings):
            raise RecipeError(
                f"{path} was written under {state['settings']}, not {asdict(self.settings)}; "
                "remove it or use its settings"
            )
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise RecipeError(f"{path} holds another model; remove it: {error}") from error
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_weights = state["best"]


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and other vectors do not."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def comparable(score: float) -> float:
    """Give a score that orders: a model that gives NaN is worse than any."""
    return -math.inf if math.isnan(score) else score


def copied(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of their own."""
    return {name: tensor.detach().clone() for name, tensor in state.items()}
