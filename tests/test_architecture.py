"""The house holds: packages import only packages above them, files in one direction."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import edgerec

ROOT = Path(edgerec.__file__).parent
ORDER = (
    "errors",
    "values",
    "kernels",
    "machine",
    "graph",
    "bundle",
    "catalog",
    "events",
    "features",
    "evaluation",
    "backends",
    "models",
    "importers",
    "retrieval",
    "training",
    "compression",
    "engine",
    "compiler",
    "recipe",
    "testing",
    "scoring",
    "service",
    "shop",
    "cli",
)
OFFLINE = {"graph", "importers", "models", "training", "compression", "compiler", "recipe", "shop"}
HOME_OF = {
    "onnxruntime": {"backends/onnxruntime.py"},
    "openvino": {"backends/openvino.py"},
    "faiss": {"retrieval/faiss.py"},
    "hnswlib": {"retrieval/peers/hnswlib.py"},  # to compare with, as those below
    "scann": {"retrieval/peers/scann.py"},
    "usearch": {"retrieval/peers/usearch.py"},
    "zvec": {"retrieval/peers/zvec.py"},
    "click": {"cli"},
}
OFFLINE_ONLY = ("onnx", "torch")
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "manager", "handler", "misc", "common"}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py*") if path.suffix in {".py", ".pyx"})


def package_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Full names of the modules a file imports, at any depth of its code."""
    if path.suffix == ".pyx":
        for match in re.finditer(r"^\s*(?:from|c?import)\s+([\w.]+)", path.read_text(), re.M):
            yield match.group(1)
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner(path: Path) -> Iterator[str]:
    return (name for name in imported(path) if name.startswith("edgerec."))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_package_imports_only_packages_above_it(path: Path) -> None:
    if path == ROOT / "__init__.py":
        return
    place = ORDER.index(package_of(path))
    below = {name for name in inner(path) if ORDER.index(name.split(".")[1]) > place}
    assert not below, f"{path.relative_to(ROOT)} imports from below: {sorted(below)}"


def test_files_of_a_package_import_each_other_in_one_direction() -> None:
    known = {".".join(("edgerec", *p.relative_to(ROOT).with_suffix("").parts)) for p in modules()}
    graph = {
        ".".join(("edgerec", *path.relative_to(ROOT).with_suffix("").parts)): known
        & set(inner(path))
        for path in modules()
        if path != ROOT / "__init__.py"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {error.args[1]}")


def test_nothing_inside_imports_the_public_names() -> None:
    for path in modules():
        assert "edgerec" not in set(imported(path)) or package_of(path) in {"shop", "cli"}, path


def test_each_engine_is_imported_by_the_one_module_that_adapts_it() -> None:
    for path in modules():
        place = str(path.relative_to(ROOT))
        for name in imported(path):
            top = name.split(".")[0]
            if top in HOME_OF:
                assert place in HOME_OF[top] or package_of(path) in HOME_OF[top], (place, name)
            if top in OFFLINE_ONLY:
                assert package_of(path) in OFFLINE, f"{place} imports {name}: offline packages only"


def test_no_attic() -> None:
    for path in modules():
        assert path.stem not in FORBIDDEN_NAMES, path


def test_public_names() -> None:
    assert edgerec.__all__ == sorted(edgerec.__all__)
    for name in edgerec.__all__:
        assert getattr(edgerec, name) is not None
