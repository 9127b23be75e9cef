"""Examples on disk: what was saved comes back; anything else is refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.errors import InvalidInput, OutputExists, ShapeError
from edgerec.evaluation.example_files import (
    ExampleFiles,
    examples_of,
    load_examples,
    save_examples,
)
from edgerec.values.examples import Examples
from tests.strategies.examples import RANKER, examples

patient = settings(deadline=None)


def one_archive(path: Path) -> bytes:
    counts = np.array([0, 2, 5])
    save_examples(
        path,
        Examples(
            inputs={
                "user": np.zeros((2, 3), np.float32),
                "seen": np.ones((2, 4), np.int64),
                "pair": np.zeros((5, 2), np.float32),
            },
            roles=Examples.roles_of(RANKER),
            offsets=counts,
            labels=np.zeros(5, np.float32),
        ),
    )
    return path.read_bytes()


def harmless_or_named(path: Path) -> bool:
    """Whether the file could be read, or was refused by its name."""
    try:
        load_examples(path, RANKER)
    except InvalidInput as error:
        return str(path) in str(error)
    return True


@patient
@given(examples())
def test_what_was_saved_comes_back(
    tmp_path_factory: pytest.TempPathFactory, given_examples: Examples
) -> None:
    path = tmp_path_factory.mktemp("examples") / "ranker.npz"
    save_examples(path, given_examples)
    found = load_examples(path, RANKER)
    assert found.same(given_examples)
    for name in ("weights", "propensities"):
        was, now = getattr(given_examples, name), getattr(found, name)
        assert (was is None) == (now is None)
        if was is not None:
            np.testing.assert_array_equal(was, now)
    assert found.lengths.keys() == given_examples.lengths.keys()


@patient
@given(examples())
def test_single_requests_can_be_put_together_again(whole: Examples) -> None:
    again = examples_of([*whole], RANKER, [*whole.label_groups()])
    assert again.requests == whole.requests
    for one, other in zip(whole, again, strict=True):
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])


@patient
@given(st.data())
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x.npz"
    content = bytearray(one_archive(path))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert harmless_or_named(path)


@patient
@given(st.integers(0, 127), st.integers(1, 255))
def test_a_damaged_header_inside_a_sound_archive_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x.npz"
    with zipfile.ZipFile(io.BytesIO(one_archive(path))) as sound:
        members = {name: bytearray(sound.read(name)) for name in sound.namelist()}
    members["offsets.npy"][place] ^= flip
    with zipfile.ZipFile(path, "w") as damaged:
        for name, content in members.items():
            damaged.writestr(name, bytes(content))
    assert harmless_or_named(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(InvalidInput, match="cannot read"):
        load_examples(path, RANKER)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(InvalidInput, match="one array"):
        load_examples(path, RANKER)
    np.savez(path, offsets=np.zeros(1))
    with pytest.raises(InvalidInput, match=r"lacks the arrays labels, input\.user"):
        load_examples(path, RANKER)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("offsets", "text")
    with pytest.raises(InvalidInput, match="NumPy's format"):
        load_examples(path, RANKER)
    path.write_text("not an archive at all")
    with pytest.raises(InvalidInput, match="cannot read"):
        load_examples(path, RANKER)


def test_examples_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    arrays = {
        "offsets": np.array([0, 1]),
        "labels": np.zeros(1, np.float32),
        "input.user": np.zeros((1, 4), np.float32),
        "input.seen": np.zeros((1, 4), np.int64),
        "input.pair": np.zeros((1, 2), np.float32),
    }
    np.savez(path, **arrays)
    with pytest.raises(ShapeError, match=r"x\.npz: input 'user'"):
        load_examples(path, RANKER)


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    content = one_archive(tmp_path / "one.npz")
    whole = load_examples(tmp_path / "one.npz", RANKER)
    (tmp_path / "one.npz").unlink()
    home = tmp_path / "made" / "examples"

    def save(*names: str) -> None:
        with ExampleFiles(home, ["a", "b"]) as files:
            for name in names:
                files.save(name, whole)
                assert not home.exists()

    with pytest.raises(KeyError):
        save("a", "unknown")
    assert list((tmp_path / "made").iterdir()) == []
    save("a", "b")
    assert sorted(path.name for path in home.iterdir()) == ["a.npz", "b.npz"]
    (home / "a.npz").write_text("mine")
    with pytest.raises(OutputExists, match=r"a\.npz exists"), ExampleFiles(home, ["a"]):
        pass
    with ExampleFiles(home, ["a"], force=True) as files:
        files.save("a", whole)
    assert len((home / "a.npz").read_bytes()) == len(content)
    assert [path.name for path in home.parent.iterdir()] == ["examples"]
