"""The training task of the benchmark: what is batched, and how ranks are counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs PyTorch: pip install "edgerec[train]"')

from bench.sequences import Cases, Sequences, cases, training_histories  # noqa: E402
from bench.train_sasrec import (  # noqa: E402
    CACHE_VARIABLE,
    NextItem,
    Recipe,
    full_ranks,
    trained,
)
from edgerec.models.sasrec import FIRST_ITEM, SASRec, SASRecSettings  # noqa: E402
from edgerec.training.trainer import TrainingSettings  # noqa: E402

N_ITEMS = 40


def sequences_of(users: int = 60, seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    histories = tuple(
        rng.permutation(N_ITEMS)[: rng.integers(4, 12)].astype(np.int64) for _ in range(users)
    )
    return Sequences("made-up", histories, N_ITEMS, f"{seed:064d}")


def task_of(sequences: Sequences, max_length: int = 50, positions: int = 20) -> NextItem:
    return NextItem(
        training_histories(sequences),
        cases(sequences, "validation"),
        max_length=max_length,
        positions=positions,
    )


def test_an_epoch_shows_every_position_once() -> None:
    sequences = sequences_of()
    shown: list[tuple[int, ...]] = []
    for items, following in task_of(sequences).batches(np.random.default_rng(0)):
        assert items.shape == following.shape
        for row, after in zip(items.tolist(), following.tolist(), strict=True):
            length = sum(item > 0 for item in after)
            assert row[1:length] == after[: length - 1]
            assert all(item == 0 for item in after[length:])
            shown.append((*row[:length], after[length - 1]))
    wanted = [tuple((h + FIRST_ITEM).tolist()) for h in training_histories(sequences)]
    assert sorted(shown) == sorted(wanted)


def test_batches_differ_by_seed_and_hold_about_as_many_positions() -> None:
    task = task_of(sequences_of(users=400), positions=60)
    first, second = (
        [int((after > 0).sum()) for _, after in task.batches(np.random.default_rng(seed))]
        for seed in (0, 1)
    )
    assert first != second
    assert max(first) < 60 + 12


def test_a_long_history_keeps_its_end() -> None:
    sequences = sequences_of()
    for items, _ in task_of(sequences, max_length=3).batches(np.random.default_rng(0)):
        assert items.shape[1] <= 3


def test_padding_adds_nothing_to_the_loss() -> None:
    task, model = task_of(sequences_of(), max_length=4), model_of()
    items, following = next(iter(task.batches(np.random.default_rng(0))))
    longer = [torch.nn.functional.pad(tensor, (0, 2)) for tensor in (items, following)]
    loss, padded = task.loss(model, (items, following)), task.loss(model, (longer[0], longer[1]))
    torch.testing.assert_close(loss, padded)


def model_of() -> SASRec:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SASRec(SASRecSettings(N_ITEMS, dim=4, max_length=6))
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    return model.eval()


def test_ranks_leave_the_history_out_and_count_from_one() -> None:
    model, asked = model_of(), cases(sequences_of(), "test")
    with torch.no_grad():
        ranks = full_ranks(model, asked, chunk=7)
        for user, (history, target) in enumerate(zip(asked.histories, asked.targets, strict=True)):
            items = torch.from_numpy(history[None, -6:] + FIRST_ITEM)
            scores = (model(items)[0, -1] @ model.item_vectors().T).numpy()
            others = np.setdiff1d(np.arange(N_ITEMS), history)
            assert abs(int((scores[others] > scores[target]).sum()) + 1 - ranks[user]) <= 1


def test_a_tie_counts_against_the_model() -> None:
    model = model_of()
    asked = Cases((np.array([0]),), np.array([5]))
    with torch.no_grad():
        model.items.weight[:] = 0
        assert full_ranks(model, asked).tolist() == [N_ITEMS - 1]


def test_the_second_time_the_weights_come_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    sequences = sequences_of()
    recipe = Recipe(
        SASRecSettings(N_ITEMS, dim=4), TrainingSettings(epochs=2, learning_rate=0.01), 20
    )
    first, record = trained(sequences, 4, chosen=recipe)
    again, same = trained(sequences, 4, chosen=recipe)
    assert record == same
    assert record["epochs"] == 2
    assert {path.suffix for path in (tmp_path / "bench").iterdir()} == {".pt", ".json"}
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    assert not first.training
    json.dumps(record)
