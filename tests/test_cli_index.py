"""``edgerec index``: from a file of vectors to a bundle, and every way that can fail."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import edgerec
from edgerec.cli.arrays import MAGIC, read_vectors
from edgerec.cli.main import main
from edgerec.cli.options import parse_bytes
from edgerec.errors import InvalidInput


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "vectors.npy", rng.standard_normal((300, 16)).astype(np.float32))
    np.save(tmp_path / "queries.npy", rng.standard_normal((20, 16)).astype(np.float16))
    return tmp_path


def test_it_says_what_was_chosen_and_why(home: Path) -> None:
    done = run("index", home / "vectors.npy", "-o", home / "i", "--recall", ".9", "--k", 5)
    assert done.exit_code == 0, done.output
    for text in ("Chosen: exact", "recall@5", "bytes an item", "300 items of 16 dimensions"):
        assert text in done.stdout
    assert "writing the bundle" in done.stderr
    shown = run("inspect", home / "i")
    assert "Chosen: exact" in shown.stdout
    assert "every hash is right" in run("verify", home / "i").stdout
    assert json.loads(run("verify", home / "i", "--format", "json").stdout)["items"] == 300


def test_every_option_reaches_the_index(home: Path) -> None:
    (home / "attributes.jsonl").write_text(
        "\n".join(json.dumps({"price": row, "colour": "red"}) for row in range(300))
    )
    (home / "ids.txt").write_text("".join(f"sku-{row}\n" for row in range(300)))
    done = run(
        *("index", home / "vectors.npy", "-o", home / "i", "--format", "json", "--seed", 3),
        *("--metric", "cosine", "--originals", "float16", "--index", "sketch", "-k", 7),
        *("--max-memory", "1MB", "--ids", home / "ids.txt", "--queries", home / "queries.npy"),
        *("--attributes", home / "attributes.jsonl"),
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    target = said["strategy"]["target"]
    assert (target["k"], target["max_memory"], target["index"]) == (7, 1_000_000, "sketch")
    assert (said["kind"], said["rows"], said["dim"]) == ("sketch", 300, 16)
    assert said["recall"] >= 0.95
    with edgerec.open_index(home / "i") as index:
        assert (index.metric, index.info()["originals"]) == ("cosine", "float16")
        vector = np.load(home / "vectors.npy")[7]
        assert index.search(vector, k=1, where={"price": (5, 9)}).ids == ("sku-7",)


def test_faiss_is_asked_by_its_factory_string(home: Path) -> None:
    asked = ("index", home / "vectors.npy", "-o", home / "i", "-k", 5, "--recall", 0.5)
    done = run(*asked, "--index", "IVF4,SQ8")
    assert done.exit_code == 0, done.output
    assert "Chosen: faiss" in done.stdout
    assert "index IVF4,SQ8" in run("inspect", home / "i").stdout
    with edgerec.open_index(home / "i") as index:
        index.upsert(["new"], np.ones((1, 16), np.float32) * 9)
        assert index.search(np.ones(16, np.float32), k=1).ids == ("new",)
    for wrong in ("LSH", "IVF301,SQ8", "PQ5"):
        refused = run(*asked, "--force", "--index", wrong)
        assert refused.exit_code == 2, refused.output


@pytest.mark.parametrize("ids", [np.arange(300) + 5, np.array([f"a{row}" for row in range(300)])])
def test_ids_come_from_an_array_or_from_the_attributes(ids: Any, home: Path) -> None:
    np.save(home / "ids.npy", ids)
    named = [str(one) for one in ids.tolist()]
    (home / "a.jsonl").write_text("\n".join(json.dumps({"id": one, "n": 1}) for one in named))
    for options in (["--ids", home / "ids.npy"], ["--attributes", home / "a.jsonl"]):
        done = run("index", home / "vectors.npy", "-o", home / "i", "--force", *options)
        assert done.exit_code == 0, done.output
        with edgerec.open_index(home / "i") as index:
            assert len(index.items(named)) == 300
    both = ["--ids", home / "ids.npy", "--attributes", home / "a.jsonl"]
    assert run("index", home / "vectors.npy", "-o", home / "j", *both).exit_code == 2


def test_arrays_in_any_order_of_memory_are_read(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((30, 4)).astype(np.float32)
    np.save(tmp_path / "f.npy", np.asfortranarray(vectors))
    np.save(tmp_path / "one.npy", vectors[:1])
    for name, rows in (("f", 30), ("one", 1)):
        assert run("index", tmp_path / f"{name}.npy", "-o", tmp_path / name).exit_code == 0
        with edgerec.open_index(tmp_path / name) as index:
            assert len(index) == rows
            assert index.vectors(["0"]).tolist() == vectors[:1].tolist()


ARRAYS: dict[str, Any] = {
    "float64.npy": np.ones((3, 4)),
    "ints.npy": np.ones((3, 4), np.int32),
    "flat.npy": np.ones(12, np.float32),
    "empty.npy": np.ones((0, 4), np.float32),
    "narrow.npy": np.ones((4, 0), np.float32),
    "nan.npy": np.full((3, 4), np.nan, np.float32),
    "wide.npy": np.ones((3, 5000), np.float32),
    "objects.npy": np.array([[{}]], object),
}


def headed(header: str) -> bytes:
    """A file in NumPy's format with this header and few bytes after it."""
    described = header.replace("'shape'", "'fortran_order': False, 'shape'").encode()
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(described)) + described + bytes(64)


@given(
    header=st.text(max_size=60)
    | st.from_regex(r"\{'descr': '[<>|][fiub][0-9]', 'shape': \([-0-9,(]{0,9}\)?\}", fullmatch=True)
)
@settings(max_examples=200, deadline=None)
def test_any_header_is_an_array_or_a_typed_error(
    header: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npy"
    path.write_bytes(headed(header))
    try:
        assert read_vectors(path).ndim == 2
    except InvalidInput as error:
        assert "any.npy" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("vectors", "options", "code", "says"),
    [
        ("float64.npy", [], "shape", "astype(np.float32)"),
        ("ints.npy", [], "shape", "float32 or float16"),
        ("flat.npy", [], "shape", "(12,)"),
        ("empty.npy", [], "shape", "(0, 4)"),
        ("narrow.npy", [], "shape", "(4, 0)"),
        ("nan.npy", [], "value_range", "NaN"),
        ("wide.npy", [], "limit", "4096"),
        ("objects.npy", [], "invalid_input", "object"),
        ("cut.npy", [], "invalid_input", "cut.npy"),
        ("huge.npy", [], "invalid_input", "huge.npy"),
        ("true.npy", [], "invalid_input", "true.npy"),
        ("open.npy", [], "invalid_input", "open.npy"),
        ("text.npy", [], "invalid_input", "np.save"),
        ("none.npy", [], "invalid_input", "No such file"),
        ("good.npy", ["--recall", "1.5"], "value_range", "recall"),
        ("good.npy", ["-k", "0"], "value_range", "k must"),
        ("good.npy", ["--max-memory", "much"], "invalid_input", "2GB"),
        ("good.npy", ["--max-memory", "10B"], "limit", "max_memory"),
        ("good.npy", ["--seed", "-1"], "invalid_input", "seed"),
        ("good.npy", ["--index", "none"], "value_range", "index must"),
        ("good.npy", ["--metric", "none"], "invalid_input", "metric"),
        ("good.npy", ["--ids", "few.txt"], "shape", "2"),
        ("good.npy", ["--ids", "twice.txt"], "invalid_input", "unique"),
        ("good.npy", ["--ids", "none.txt"], "invalid_input", "none.txt"),
        ("good.npy", ["--ids", "flat.npy"], "shape", "str or integers"),
        ("good.npy", ["--attributes", "ragged.jsonl"], "invalid_input", "ragged.jsonl:2"),
        ("good.npy", ["--attributes", "nothing"], "invalid_input", "nothing is empty"),
        ("good.npy", ["--attributes", "text.npy"], "recipe", "text.npy:1"),
        ("good.npy", ["--queries", "wide.npy"], "shape", "queries"),
        ("good.npy", ["-o", "none/i"], "invalid_input", "no directory"),
        ("good.npy", ["-o", "taken"], "output_exists", "taken"),
    ],
)
def test_what_cannot_be_used_is_a_typed_error(
    vectors: str, options: list[str], code: str, says: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, array in ARRAYS.items():
        np.save(name, array, allow_pickle=True)
    np.save("good.npy", np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32))
    Path("cut.npy").write_bytes(Path("wide.npy").read_bytes()[:1000])
    for name, shape in {"huge": f"({10**30}, 4)", "true": "(True, 4)", "open": "((("}.items():
        Path(f"{name}.npy").write_bytes(headed(f"{{'descr': '<f4', 'shape': {shape}}}"))
    Path("text.npy").write_text("text")
    Path("nothing").touch()
    Path("few.txt").write_text("a\nb\n")
    Path("twice.txt").write_text("a\nb\na\n")
    Path("ragged.jsonl").write_text('{"a": 1}\n{"b": 1}\n{"a": 1}\n')
    Path("taken").mkdir()
    before = sorted(Path().iterdir())
    done = run("--errors", "json", "index", vectors, *(["-o", "i"] if "-o" not in options else []),
               *options)  # fmt: skip
    assert done.exit_code == 2, done.output
    said = json.loads(done.stderr.splitlines()[-1])
    assert (said["code"], says in said["message"]) == (code, True), said
    assert done.stdout == ""
    assert sorted(Path().iterdir()) == before


def test_the_process_ends_with_the_same_code(home: Path) -> None:
    command = [sys.executable, "-m", "edgerec.cli.main", "index", "vectors.npy", "-o", "i"]
    environment = {"PYTHONPATH": str(Path(edgerec.__file__).parents[1])}
    for code in (0, 2):  # the second time it is there
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stderr
    assert "use force" in done.stderr


def test_bytes() -> None:
    read = {"2GB": 2 * 10**9, "1.5 MiB": 3 * 2**19, "700": 700, "3kB": 3000, "1T": 10**12}
    assert {text: parse_bytes(text) for text in read} == read
    for bad in ("", "GB", "-1GB", "1XB", "0", "1e9"):
        with pytest.raises(InvalidInput):
            parse_bytes(bad)
