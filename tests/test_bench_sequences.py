"""The data set's reader and the leave-one-out protocol."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from bench.sequences import DATA_VARIABLE, FILES, DataAbsent, cases, load, training_histories
from edgerec.errors import RecipeError

NAME = "amazon_beauty_s3rec"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    (tmp_path / NAME).mkdir()
    return tmp_path / NAME


def write(folder: Path, text: str) -> None:
    with gzip.open(folder / FILES[NAME], "wt") as file:
        file.write(text)


def test_the_last_item_is_for_the_test_and_the_one_before_for_validation(folder: Path) -> None:
    write(folder, "7 3 1 4 2\n9 2 5 1\n")
    sequences = load(NAME)
    assert sequences.n_items == 5
    assert [h.tolist() for h in sequences.histories] == [[2, 0, 3, 1], [1, 4, 0]]
    assert [h.tolist() for h in training_histories(sequences)] == [[2, 0], [1]]
    validation, test = cases(sequences, "validation"), cases(sequences, "test")
    assert [h.tolist() for h in validation.histories] == [[2, 0], [1]]
    assert validation.targets.tolist() == [3, 4]
    assert [h.tolist() for h in test.histories] == [[2, 0, 3], [1, 4]]
    assert test.targets.tolist() == [1, 0]


@pytest.mark.parametrize("line", ["1 2 3", "1 2 3 0", "1 2 x 4", "1 2 -3 4", ""])
def test_a_line_that_is_no_history_is_refused_with_its_place(folder: Path, line: str) -> None:
    write(folder, f"1 2 3 4\n{line}\n")
    with pytest.raises(RecipeError, match=":2"):
        load(NAME)


def test_absent_data_says_which_variable_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataAbsent, match=DATA_VARIABLE):
        load(NAME)
    monkeypatch.setenv(DATA_VARIABLE, str(folder / "nowhere"))
    with pytest.raises(DataAbsent, match="nowhere"):
        load(NAME)
    monkeypatch.delenv(DATA_VARIABLE)
    with pytest.raises(DataAbsent, match="not set"):
        load(NAME)


@pytest.mark.real_data
def test_the_real_data_has_the_published_size() -> None:
    try:
        sequences = load(NAME)
    except DataAbsent as absent:
        pytest.skip(str(absent))
    assert len(sequences.histories) == 22_363
    assert sequences.n_items == 12_101
    assert sum(map(len, sequences.histories)) == 198_502
    assert all(len(np.unique(h)) == len(h) for h in sequences.histories)
