"""The command: every step runs, data is on stdout, errors have codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgerec.bundle.writer import BundleWriter
from edgerec.cli.main import COMMANDS, main
from edgerec.cli.options import parse_conditions
from edgerec.errors import InvalidInput


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_lists_every_command_and_each_shows_an_example() -> None:
    listing = run("--help").output
    for name in COMMANDS:
        assert name in listing
        help_text = run(name, "--help")
        assert help_text.exit_code == 0
        assert f"edgerec {name}" in help_text.output


def test_help_loads_no_engine() -> None:
    code = (
        "import sys; from edgerec.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'onnx', 'onnxruntime', 'openvino', 'faiss', 'torch'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_recommend_and_search_print_titles_or_json(small_bundle: Path) -> None:
    text = run("search", small_bundle, "walnut queen bed", "--where", "in_stock=true", "-k", 3)
    assert text.exit_code == 0
    assert "bed" in text.output
    data = json.loads(
        run("recommend", small_bundle, "--user", "u1", "--format", "json", "-k", 4).stdout
    )
    assert len(data["ids"]) == len(data["items"]) == 4
    assert data["items"][0]["title"]
    nobody = run("recommend", small_bundle, "--user", "stranger")
    assert "answered from popularity" in nobody.output


def test_verify_inspect_and_doctor(small_bundle: Path) -> None:
    assert json.loads(run("verify", small_bundle, "--format", "json").stdout)["overlap"] == 1.0
    data = json.loads(run("inspect", small_bundle, "--format", "json").stdout)
    assert set(data["plans"]) == {"item_tower", "user_tower", "query_tower", "ranker"}
    assert "ranker" in run("inspect", small_bundle).output
    doctor = json.loads(run("doctor", "--format", "json").stdout)
    assert "scalar" in doctor["kernels"]["compiled"]
    assert doctor["packages"]["onnxruntime"]


def test_the_steps_one_by_one(small_shop: Path, small_bundle: Path, tmp_path: Path) -> None:
    home = small_shop.parent
    examples = small_bundle.parent / "examples" / "ranker.npz"
    converted = tmp_path / "ranker.onnx"
    steps = [
        ("convert", home / "models" / "ranker.onnx", "--out", converted),
        ("inspect", converted),
        (
            "prune",
            converted,
            "--calibration",
            examples,
            "--keep",
            0.5,
            "--out",
            tmp_path / "p.onnx",
        ),
        ("quantize", converted, "--calibration", examples, "--out", tmp_path / "q.onnx"),
        (
            "compile",
            converted,
            "--examples",
            examples,
            "--margin",
            0.2,
            "--out",
            tmp_path / "r.bundle",
        ),
        ("verify", tmp_path / "r.bundle"),
        ("inspect", tmp_path / "r.bundle"),
    ]
    for step in steps:
        done = run(*step)
        assert done.exit_code == 0, (step, done.output)
    assert (tmp_path / "p.onnx").stat().st_size < converted.stat().st_size
    again = run("prune", converted, "--calibration", examples, "--keep", 0.5, "--out", converted)
    assert again.exit_code == 2
    assert "--force" in again.output


def test_a_bundle_is_published_and_an_earlier_one_served_again(
    small_bundle: Path, tmp_path: Path
) -> None:
    store, other = tmp_path / "store", tmp_path / "other.bundle"
    with BundleWriter(other) as writer:
        writer.set("kind", "other")
    shown = [
        json.loads(run(*command, "--format", "json").stdout)
        for command in (
            ("publish", small_bundle, "--store", store),
            ("publish", other, "--store", store),
            ("rollback", "--store", store),
            ("publish", other, "--store", store),
            ("inspect", store),
        )
    ]
    first, second = shown[0]["version"], shown[1]["version"]
    assert [one["version"] for one in shown] == [first, second, first, second, second]
    assert [one["before"] for one in shown] == [[], [first], [], [first], [first]]
    assert shown[0]["path"] == str(store / "versions" / first)
    assert run("verify", shown[0]["path"]).exit_code == 0
    back = run("rollback", "--store", store, "--to", first[:8])
    assert f"serve {store / 'versions' / first}" in back.output


def test_what_cannot_be_published_or_rolled_back_changes_nothing(
    small_bundle: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    assert run("rollback", "--store", store).exit_code == 3
    assert run("publish", tmp_path / "nothing.bundle", "--store", store).exit_code == 3
    assert not store.exists()
    published = run("publish", small_bundle, "--store", store, "--format", "json").stdout
    for command in ("rollback",), ("rollback", "--to", "0" * 64):
        assert run(*command, "--store", store).exit_code == 3
    assert run("inspect", store, "--format", "json").stdout == published


def test_errors_have_exit_codes_and_a_json_form(small_bundle: Path, tmp_path: Path) -> None:
    missing = run("search", tmp_path / "none.bundle", "bed")
    assert missing.exit_code == 3
    assert run("search", small_bundle, "bed", "--where", "colour=red").exit_code == 2
    assert run("search", small_bundle, "bed", "-k", 0).exit_code == 2
    assert run("build", tmp_path / "none.toml", "--out", tmp_path / "x").exit_code == 2
    code = [sys.executable, "-m", "edgerec.cli.main", "--errors", "json", "verify", "nowhere"]
    done = subprocess.run(code, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert json.loads(done.stderr)["code"] == "bundle_not_found"
    assert done.stdout == ""


def test_conditions() -> None:
    assert parse_conditions(()) is None
    assert parse_conditions(("price=..50", "brand=Acme,Bolt", "in_stock=true")) == {
        "and": [{"price": (None, 50.0)}, {"brand": ["Acme", "Bolt"]}, {"in_stock": True}]
    }
    assert parse_conditions(('{"field": "price", "lt": 3}',)) == {"field": "price", "lt": 3}
    assert parse_conditions(("brand=007",)) == {"brand": "007"}
    assert parse_conditions(("{}",)) is None
    for bad in ("price", "price=", "=3", "price=a..b", "{nonsense"):
        with pytest.raises(InvalidInput):
            parse_conditions((bad,))


def test_usage_errors_are_json_where_asked() -> None:
    code = [
        sys.executable,
        "-m",
        "edgerec.cli.main",
        "--errors",
        "json",
        "search",
        "x",
        "bed",
        "-k",
        "z",
    ]
    done = subprocess.run(code, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert json.loads(done.stderr)["code"] == "invalid_input"


def test_a_demo_never_removes_what_it_did_not_make(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("keep")
    assert run("demo", "--out", tmp_path).exit_code == 2
    assert run("demo", "--out", tmp_path, "--force").exit_code == 2
    assert run("demo", "--out", precious, "--force").exit_code == 2
    assert precious.read_text() == "keep"


def test_an_output_that_cannot_be_written_is_a_typed_error(
    small_shop: Path, tmp_path: Path
) -> None:
    ranker = small_shop.parent / "models" / "ranker.onnx"
    done = run("convert", ranker, "--out", tmp_path / "none" / "x.onnx")
    assert done.exit_code == 2
    assert "cannot write" in done.output
