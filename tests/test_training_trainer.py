"""The training loop: it learns, stops, keeps the best weights, and resumes exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgerec.errors import RecipeError, ValueRangeError

torch = pytest.importorskip("torch", reason='needs PyTorch: pip install "edgerec[train]"')

from torch import nn  # noqa: E402

from edgerec.training.trainer import (  # noqa: E402
    Epoch,
    Outcome,
    TrainingSettings,
    parameter_groups,
    train,
)


class Line:
    """Fit ``2 x + 1``; batches and dropout are random, as they are in a real task."""

    def __init__(self) -> None:
        self.inputs = torch.linspace(-1, 1, 32)[:, None]

    def batches(self, rng: np.random.Generator) -> Iterator[torch.Tensor]:
        order = torch.from_numpy(rng.permutation(32))
        yield from self.inputs[order].split(8)

    def loss(self, model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return ((model(batch) - 2 * batch - 1) ** 2).mean()

    def validate(self, model: nn.Module) -> float:
        assert not model.training
        return -self.loss(model, self.inputs).item()


class Scores(Line):
    """Validation scores that were laid down beforehand."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = iter(scores)

    def validate(self, model: nn.Module) -> float:
        return next(self.scores)


def model_of() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def trained(settings: TrainingSettings, task: Line, **kwargs: object) -> tuple[nn.Module, Outcome]:
    model = model_of()
    return model, train(model, task, settings, **kwargs)


SETTINGS = TrainingSettings(epochs=6, learning_rate=0.05)


def test_it_learns() -> None:
    settings = TrainingSettings(epochs=40, learning_rate=0.03)
    model, outcome = trained(settings, Line())
    assert Line().validate(model) == pytest.approx(outcome.best.score)
    assert outcome.best.score > 10 * outcome.epochs[0].score


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    first, _ = trained(SETTINGS, Line())
    second, _ = trained(SETTINGS, Line())
    other, _ = trained(TrainingSettings(epochs=6, learning_rate=0.05, seed=1), Line())
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))


def test_the_callers_random_numbers_stay_untouched() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    trained(SETTINGS, Line())
    assert torch.equal(torch.rand(3), wanted)


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path, after: int) -> None:
    def interrupt(epoch: Epoch) -> None:
        if epoch.number == after:
            raise Interrupted

    checkpoint = tmp_path / "run.checkpoint"
    whole, wanted = trained(SETTINGS, Line())
    with pytest.raises(Interrupted):
        trained(SETTINGS, Line(), checkpoint=checkpoint, progress=interrupt)
    resumed, found = trained(SETTINGS, Line(), checkpoint=checkpoint)
    assert torch.equal(weights(whole), weights(resumed))
    assert [e.loss for e in found.epochs] == [e.loss for e in wanted.epochs]
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint"]


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.checkpoint"
    trained(SETTINGS, Line(), checkpoint=checkpoint)
    with pytest.raises(RecipeError, match="written under"):
        trained(TrainingSettings(epochs=7), Line(), checkpoint=checkpoint)


def test_it_stops_without_progress_and_keeps_the_best() -> None:
    settings = TrainingSettings(epochs=20, patience=2)
    heard: list[Epoch] = []
    seen: list[torch.Tensor] = []
    model = model_of()

    def listen(epoch: Epoch) -> None:
        heard.append(epoch)
        seen.append(weights(model))

    outcome = train(model, Scores(0.1, 0.3, 0.2, 0.3, 0.9), settings, progress=listen)
    assert [epoch.score for epoch in outcome.epochs] == [0.1, 0.3, 0.2, 0.3]
    assert [epoch.best_score for epoch in heard] == [0.1, 0.3, 0.3, 0.3]
    assert outcome.best.number == 2
    assert torch.equal(weights(model), seen[1])
    assert not model.training


def test_no_epoch_starts_after_the_time_is_over() -> None:
    ticks = iter(range(0, 600, 25))  # an epoch reads the clock twice
    settings = TrainingSettings(epochs=20, max_minutes=1)
    _, outcome = trained(settings, Scores(*range(20)), clock=lambda: float(next(ticks)))
    assert [epoch.seconds for epoch in outcome.epochs] == [25, 50, 75]


def test_only_matrices_decay() -> None:
    matrices, vectors = parameter_groups(model_of(), 0.5)
    assert matrices["weight_decay"] == 0.5
    assert {w.ndim for w in matrices["params"]} == {2}
    assert vectors["weight_decay"] == 0
    assert {w.ndim for w in vectors["params"]} == {1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"weight_decay": -0.1},
        {"patience": 0},
        {"max_minutes": 0.0},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueRangeError):
        TrainingSettings(**{"epochs": 1} | wrong)


def test_a_score_that_is_no_number_is_the_worst() -> None:
    _, outcome = trained(TrainingSettings(epochs=3), Scores(float("nan"), 0.1, 0.2))
    assert outcome.best.number == 3
    assert outcome.epochs[2].best_score == 0.2


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    trained(SETTINGS, Line(), checkpoint=path)
    with pytest.raises(RecipeError, match="another model"):
        train(nn.Linear(1, 2), Line(), SETTINGS, checkpoint=path)


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "max_minutes"])
def test_settings_that_are_no_numbers_are_refused(name: str) -> None:
    with pytest.raises(ValueRangeError):
        TrainingSettings(**{"epochs": 1, name: float("nan")})
