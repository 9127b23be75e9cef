"""What importing edgerec and using its engines does to a process: as little as can be.

Each test runs a new interpreter, with its home and working directory empty, and libc's ways to the
network watched.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgerec.backends.registry import BACKEND_NAMES
from edgerec.values.model import Model
from tests.strategies.sessions import dense

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parent.parent
STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec")
BEFORE = f"""
import json, os, sys
started = []
sys.addaudithook(lambda event, _: started.append(event) if event in {STARTS!r} else None)
def threads(): return len(os.listdir("/proc/self/task"))
"""
AFTER = """
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"loaded": loaded, "threads": threads(), "started": started, **said}))
"""
USE = """
import numpy
from pathlib import Path
from edgerec.backends.registry import backend
from edgerec.values.signature import Signature
signature = Signature.from_dict(json.loads(Path(os.environ["SIGNATURE"]).read_text()))
session = backend(NAME).open(Path(os.environ["GRAPH"]).read_bytes(), signature)
item = numpy.ones((2, 16), numpy.float32)
said = {"shape": session.run({"item": item})["score"].shape}
session.close()
said["silenced"] = backend(NAME).silenced()
"""


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that watches libc; skips where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = tmp_path_factory.mktemp("watch") / "connections.so"
    source = PROGRAMS / "connections.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def run(code: str, home: Path, watch: Path | None = None, **environment: str) -> dict[str, Any]:
    """What a new interpreter says in the end; ``home`` is also where it works."""
    model: Model = dense()
    files = home.parent
    (files / "graph").write_bytes(model.graph)
    (files / "signature").write_text(json.dumps(model.signature.to_dict()))
    variables = {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "GRAPH": str(files / "graph"),
        "SIGNATURE": str(files / "signature"),
        "CONNECTIONS": str(files / "connections"),
        **({"LD_PRELOAD": str(watch)} if watch else {}),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + code + AFTER],
        env={name: value for name, value in variables.items() if value},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def connections(home: Path) -> list[str]:
    log = home.parent / "connections"
    return log.read_text().splitlines() if log.exists() else []


def test_importing_loads_numpy_and_the_standard_library(home: Path) -> None:
    empty = run("said = {}", home)
    said = run("import edgerec\nsaid = {}", home)
    beyond = set(said["loaded"]) - set(empty["loaded"]) - sys.stdlib_module_names
    assert beyond <= {"numpy", "edgerec"}


def test_importing_starts_nothing_and_writes_nothing(home: Path, watch: Path) -> None:
    numpy = run("import numpy\nsaid = {}", home)
    said = run("import numpy, edgerec\nsaid = {}", home, watch)
    assert said["threads"] == numpy["threads"]
    assert said["started"] == []
    assert connections(home) == []
    assert list(home.rglob("*")) == []


def test_every_public_name_can_be_had(home: Path) -> None:
    code = "import edgerec\nsaid = {name: str(getattr(edgerec, name)) for name in edgerec.__all__}"
    assert "Budget" in run(code, home)


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_engines_call_nobody(name: str, home: Path, watch: Path) -> None:
    said = run(USE.replace("NAME", repr(name)), home, watch)
    assert said["shape"] == [2, 8]
    assert said["silenced"]
    assert said["started"] == []
    assert connections(home) == []
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_engines_bring_neither_onnx_nor_each_other(name: str, home: Path) -> None:
    loaded = set(run(USE.replace("NAME", repr(name)), home)["loaded"])
    others = {"onnx", "torch", "faiss", *BACKEND_NAMES} - {name}
    assert not loaded & others


@pytest.mark.parametrize("where", ["", "/nonexistent"])
@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_engines_need_no_home(name: str, where: str, home: Path) -> None:
    assert run(USE.replace("NAME", repr(name)), home, HOME=where)["shape"] == [2, 8]


@pytest.mark.parametrize("name", BACKEND_NAMES)
def test_one_thread_starts_no_other(name: str, home: Path) -> None:
    numpy = run("import numpy\nsaid = {}", home)
    assert run(USE.replace("NAME", repr(name)), home)["threads"] == numpy["threads"]


def test_the_watch_sees_a_connection(home: Path, watch: Path) -> None:
    code = """
import socket
said = {"refused": socket.socket().connect_ex(("127.0.0.1", 9)) != 0}
"""
    assert run(code, home, watch)["refused"]
    assert connections(home) == ["connect 2"]


def test_a_host_that_imported_onnxruntime_first_is_left_alone(home: Path) -> None:
    code = """
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
del os.environ["ORT_DISABLE_TELEMETRY"]
from edgerec.backends.registry import backend
before = backend("onnxruntime").silenced()
backend("onnxruntime").version()
said = {"silenced": [before, backend("onnxruntime").silenced()],
        "set": "ORT_DISABLE_TELEMETRY" in os.environ}
"""
    said = run(code, home)
    assert (said["silenced"], said["set"]) == ([False, False], False)


def test_a_host_that_loaded_openvinos_telemetry_first_is_told(home: Path) -> None:
    code = """
import types
sys.modules["openvino_telemetry"] = types.ModuleType("openvino_telemetry")
from edgerec.backends.registry import backend
said = {"silenced": backend("openvino").silenced()}
"""
    assert run(code, home)["silenced"] is False


def test_a_host_can_still_load_openvinos_converter(home: Path) -> None:
    code = """
from edgerec.backends.registry import backend
backend("openvino").version()
from openvino.tools.ovc import convert_model
said = {"silenced": backend("openvino").silenced()}
"""
    assert run(code, home)["silenced"] is True


def test_an_engine_that_is_not_installed_is_named(home: Path) -> None:
    code = """
from edgerec.backends.registry import backend
from edgerec.errors import MissingDependency
said = {}
for name in ("onnxruntime", "openvino"):
    sys.modules[name] = None
    try:
        backend(name).version()
    except MissingDependency as error:
        said[name] = str(error)
"""
    said = run(code, home)
    assert all(f"pip install {name}" in said[name] for name in BACKEND_NAMES)


def test_environment_of_children_stays_silent(home: Path) -> None:
    """A process that this one starts inherits the variable that silences ONNX Runtime."""
    code = """
from edgerec.backends.registry import backend
backend("onnxruntime").version()
said = {"set": os.environ.get("ORT_DISABLE_TELEMETRY")}
"""
    assert run(code, home)["set"] == "1"
