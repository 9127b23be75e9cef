"""Opening: a damaged bundle never reaches an engine, forks are safe, one model alone ranks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgerec
from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store
from edgerec.bundle.writer import BundleWriter
from edgerec.errors import BundleCorruptError, BundleNotFound, InvalidInput, NothingFeasible
from edgerec.evaluation.example_files import load_examples

FORKS = 20


def test_one_flipped_byte_is_refused_before_an_engine_starts(
    small_bundle: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.bundle"
    shutil.copytree(small_bundle, copy)
    largest = max((copy / "parts").iterdir(), key=lambda path: path.stat().st_size)
    for target in (largest, copy / "manifest.json"):
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
        code = (
            "import sys, edgerec\n"
            "from edgerec.errors import BundleCorruptError\n"
            f"try: edgerec.open({str(copy)!r})\n"
            "except BundleCorruptError as error: print(error)\n"
            "else: sys.exit('opened')\n"
            "started = {'onnxruntime', 'openvino', 'faiss'} & set(sys.modules)\n"
            "sys.exit(f'started {started}' if started else 0)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert target.name in done.stdout
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
    with edgerec.open(copy) as engine:
        assert engine.recommend("u1").ids


def test_a_failed_open_or_publish_leaves_what_serves_untouched(
    small_bundle: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    version = store.publish(small_bundle)
    with edgerec.open(store.current()) as engine:
        before = engine.recommend("u1").ids
        broken = tmp_path / "broken.bundle"
        shutil.copytree(small_bundle, broken)
        part = next((broken / "parts").iterdir())
        part.write_bytes(part.read_bytes()[:-1] + b"?")
        with pytest.raises(BundleCorruptError):
            edgerec.open(broken)
        with pytest.raises(BundleCorruptError):
            store.publish(broken)
        with pytest.raises(BundleNotFound):
            edgerec.open(tmp_path / "nowhere")
        assert engine.recommend("u1").ids == before
    assert store.versions() == (version,)
    assert store.current().name == version


def test_an_engine_survives_forks_after_use(small_bundle: Path) -> None:
    """Children answer and exit cleanly, and so does the parent, twenty times over."""
    code = (
        "import os, signal, sys, edgerec\n"
        f"engine = edgerec.open({str(small_bundle)!r}).warm()\n"
        "expected = engine.recommend('u1').ids\n"
        f"for _ in range({FORKS}):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal.alarm(60)\n"
        "        sys.exit(0 if engine.recommend('u1').ids == expected else 3)\n"
        "    _, status = os.waitpid(child, 0)\n"
        "    assert status == 0, status\n"
        "assert engine.recommend('u1').ids == expected\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr


def test_a_bundle_of_one_model_ranks_with_the_models_inputs(
    small_shop: Path, small_bundle: Path, tmp_path: Path
) -> None:
    model = edgerec.import_model(small_shop.parent / "models" / "ranker.onnx")
    examples = load_examples(small_bundle.parent / "examples" / "ranker.npz", model.signature)
    out = tmp_path / "ranker.bundle"
    plan = edgerec.compile(
        model,
        calibration=examples,
        evaluation=examples,
        budget=edgerec.Budget(margin=0.2),
        out=out,
    )
    assert {trial.variant.backend for trial in plan.trials} == {"onnxruntime", "openvino"}
    inputs = examples.request(0)
    request = {name: inputs.pop(name) for name in ("user", "query")}
    candidates = [f"c{i}" for i in range(len(inputs["pair"]))]
    with edgerec.open(out) as engine:
        results = engine.rank(request, candidates, features=inputs, k=5)
        assert len(results) == 5
        assert (np.diff(results.scores) <= 0).all()
        assert engine.verify().requests == 1
        with pytest.raises(InvalidInput, match="edgerec build"):
            engine.search("bed")


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("models", 5),
        ("models", {}),
        ("models", {"ranker": {"variants": []}}),
        ("features", {}),
        ("features", None),
        ("settings", {"candidates": 0}),
        ("settings", {"candidates": True}),
        ("settings", {"popularity": "title"}),
        ("settings", []),
        ("kind", 5),
    ],
)
def test_a_manifest_that_makes_no_engine_is_refused_at_open(
    small_bundle: Path, tmp_path: Path, section: str, value: object
) -> None:
    odd = tmp_path / "odd.bundle"
    with open_bundle(small_bundle) as base, BundleWriter(odd, base=base) as writer:
        writer.keep(*base.names())
        for name, content in base.manifest.sections.items():
            writer.set(name, content)
        writer.set(section, value)
    with pytest.raises(BundleCorruptError, match=r"manifest\.json|one model"):
        edgerec.open(odd)


def test_a_budget_that_nothing_meets_leaves_no_bundle(
    small_shop: Path, small_bundle: Path, tmp_path: Path
) -> None:
    model = edgerec.import_model(small_shop.parent / "models" / "ranker.onnx")
    examples = load_examples(small_bundle.parent / "examples" / "ranker.npz", model.signature)
    with pytest.raises(NothingFeasible, match="size_bytes"):
        edgerec.compile(
            model,
            calibration=examples,
            evaluation=examples,
            budget=edgerec.Budget(margin=0.2, size_bytes=10),
            out=tmp_path / "ranker.bundle",
        )
    assert list(tmp_path.iterdir()) == []


def test_serving_needs_neither_home_nor_a_writable_bundle(small_bundle: Path) -> None:
    code = (
        "import edgerec\n"
        f"with edgerec.open({str(small_bundle)!r}) as engine:\n"
        "    assert len(engine.recommend('u1')) == 10\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
