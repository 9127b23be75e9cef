"""The store: old or new, never between, whoever dies and whoever comes at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store
from edgerec.errors import BundleCorruptError, BundleError, BundleNotFound
from tests.oracles.bundles import tree
from tests.strategies.bundles import Content


def shop(path: Path, number: int) -> str:
    table = np.full(140_000, number, np.int64)  # two chunks
    return Content({"table": table, "ranker": bytes([number])}, {"number": number}).write(path)


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, ...]:
    paths = tuple(tmp_path / f"{number}.bundle" for number in range(3))
    for number, path in enumerate(paths):
        shop(path, number)
    return paths


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "store")


def number_of(store: Store) -> int:
    """What the current version says; every byte of it was checked."""
    with open_bundle(store.current(), version=store.history()[0]) as bundle:
        number = int(bundle.section("number"))
        assert bundle.read("ranker") == bytes([number])
        assert (bundle.array("table") == number).all()
    return number


def test_publish_and_roll_back(store: Store, bundles: tuple[Path, ...]) -> None:
    versions = [store.publish(path) for path in bundles]
    assert number_of(store) == 2
    assert store.current() == store.root / "versions" / versions[2]
    assert store.history() == tuple(reversed(versions))
    assert store.versions() == tuple(sorted(versions))
    assert store.rollback() == versions[1]
    assert store.rollback() == versions[0]
    with pytest.raises(BundleNotFound, match="no version before"):
        store.rollback()
    assert number_of(store) == 0
    assert store.rollback(to=versions[2]) == versions[2]
    assert store.rollback(to=versions[0][:8]) == versions[0]
    assert store.history() == (versions[0],)
    with pytest.raises(BundleNotFound, match="0 versions"):
        store.rollback(to="nonsense")
    with pytest.raises(BundleNotFound, match="3 versions"):
        store.rollback(to="")
    assert number_of(store) == 0


def test_publishing_again_copies_nothing(store: Store, bundles: tuple[Path, ...]) -> None:
    store.publish(bundles[0])
    before = store.current().stat().st_ino
    for path in (bundles[0], store.current()):
        store.publish(path)
    assert store.current().stat().st_ino == before
    assert len(store.history()) == 1


def test_nothing_was_published(store: Store) -> None:
    assert store.versions() == store.history() == ()
    with pytest.raises(BundleNotFound, match="publish a bundle first"):
        store.current()
    with pytest.raises(BundleNotFound, match="no store"):
        store.rollback()
    assert not store.root.exists()


def test_a_failed_publish_leaves_the_store_untouched(
    store: Store, bundles: tuple[Path, ...], tmp_path: Path
) -> None:
    with pytest.raises(BundleNotFound):
        store.publish(tmp_path / "none")
    assert not store.root.exists()
    store.publish(bundles[0])
    before = tree(store.root)
    damaged = max((bundles[1] / "parts").iterdir(), key=lambda file: file.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\1")
    with pytest.raises(BundleCorruptError, match="part 'table'"):
        store.publish(bundles[1])
    assert tree(store.root) == before
    assert number_of(store) == 0


def test_a_damaged_version_is_not_rolled_back_to_but_published_anew(
    store: Store, bundles: tuple[Path, ...]
) -> None:
    store.publish(bundles[0])
    table = max((store.current() / "parts").iterdir(), key=lambda file: file.stat().st_size)
    store.publish(bundles[1])
    table.write_bytes(bytes(table.stat().st_size - 1) + b"\1")
    before = tree(store.root)
    with pytest.raises(BundleCorruptError, match="part 'table'"):
        store.rollback()
    assert tree(store.root) == before
    assert number_of(store) == 1
    store.publish(bundles[0])
    assert number_of(store) == 0


def test_a_current_that_is_no_list_of_versions(store: Store, bundles: tuple[Path, ...]) -> None:
    version = store.publish(bundles[0])
    current = store.root / "current"
    for text in ("", "x", version, f"{version}\n\n", f"../{version}\n", f"{version}\r\n", "é\n"):
        current.write_text(text, newline="")
        with pytest.raises(BundleCorruptError, match="current"):
            store.current()
    current.unlink()
    assert store.publish(bundles[0]) == version
    assert number_of(store) == 0


def test_the_history_is_bounded(store: Store, bundles: tuple[Path, ...]) -> None:
    versions = [store.publish(path) for path in bundles[:2]]
    (store.root / "current").write_text(f"{versions[1]}\n" * 64)
    store.publish(bundles[0])
    assert store.history() == (versions[0], *[versions[1]] * 63)


KILLED_BEFORE_EACH_STEP = """
import os, shutil, signal, sys
from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store

template, bundle, scratch = sys.argv[1:]
old, = Store(template).history()
with open_bundle(bundle) as opened:
    new = opened.version

def publish(root, steps):
    left = iter(range(steps))
    def kill(event, args):
        touches_files = event.startswith(("open", "os.", "shutil.", "fcntl."))
        if touches_files and event != "os.kill" and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(kill)
    Store(root).publish(bundle)
    os._exit(0)

seen = []
for steps in range(1000):
    root = f"{scratch}/{steps}"
    shutil.copytree(template, root)
    child = os.fork()
    if child == 0:
        publish(root, steps)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    store = Store(root)
    open_bundle(store.current(), version=store.history()[0]).close()
    for version in store.versions():
        open_bundle(f"{root}/versions/{version}", version=version).close()
    seen.append(store.history()[0])
    assert store.publish(bundle) == new and store.history() == (new, old)
    assert sorted(os.listdir(f"{root}/versions")) == sorted([old, new])
    assert sorted(os.listdir(root)) == ["current", "lock", "versions"]
    shutil.rmtree(root)
    if not killed:
        break
assert seen == sorted(seen, key=[old, new].index) and set(seen) == {old, new}
print(len(seen))
"""


def test_killed_before_any_step_the_store_is_old_or_new(
    store: Store, bundles: tuple[Path, ...], tmp_path: Path
) -> None:
    store.publish(bundles[0])
    (tmp_path / "scratch").mkdir()
    script = [sys.executable, "-c", KILLED_BEFORE_EACH_STEP]
    paths = [str(store.root), str(bundles[1]), str(tmp_path / "scratch")]
    done = subprocess.run(script + paths, check=True, stdout=subprocess.PIPE, text=True)
    assert int(done.stdout) > 30, "steps of a publisher"


KILLED_AT_RANDOM = """
import os, random, shutil, signal, sys, time
from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store

store, bundles = Store(sys.argv[1]), sys.argv[2:]
moments = random.Random(7)
for _ in range(30):
    child = os.fork()
    if child == 0:
        while True:
            for bundle in bundles:
                store.publish(bundle)
    time.sleep(moments.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    open_bundle(store.current(), version=store.history()[0]).close()
    for version in store.versions():  # so that there is something to copy
        if version != store.history()[0]:
            shutil.rmtree(store.root / "versions" / version)
store.publish(bundles[0])
assert len(os.listdir(store.root / "versions")) <= len(bundles)
"""


def test_killed_at_random_moments_the_store_stays_whole(
    store: Store, bundles: tuple[Path, ...]
) -> None:
    store.publish(bundles[0])
    script = [sys.executable, "-c", KILLED_AT_RANDOM, str(store.root), *map(str, bundles)]
    subprocess.run(script, check=True)
    assert number_of(store) == 0


PUBLISH = (
    "import sys; from edgerec.bundle.store import Store; Store(sys.argv[1]).publish(sys.argv[2])"
)


def test_processes_that_publish_at_once_wait_for_each_other(
    store: Store, bundles: tuple[Path, ...]
) -> None:
    publishers = [
        subprocess.Popen([sys.executable, "-c", PUBLISH, str(store.root), str(path)])
        for path in bundles
    ]
    assert [publisher.wait() for publisher in publishers] == [0] * len(bundles)
    assert len(store.versions()) == len(store.history()) == len(bundles)
    assert set(store.history()) == set(store.versions())
    assert number_of(store) in range(len(bundles))


def test_threads_that_publish_at_once_wait_for_each_other(
    store: Store, bundles: tuple[Path, ...]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(store.publish, bundles * 4))
    assert set(versions) == set(store.versions())
    assert number_of(store) in range(len(bundles))


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users may read."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


READ_ONLY = """
import os, sys
from edgerec.bundle.reader import open_bundle
from edgerec.bundle.store import Store
from edgerec.errors import BundleError

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store = Store(sys.argv[1])
with open_bundle(store.current()) as bundle:
    assert bundle.array("table").shape == (140_000,)
try:
    store.publish(store.current())
except BundleError as error:
    assert "cannot lock" in str(error), error
else:
    sys.exit("published without the right to write")
"""


def test_serving_needs_neither_the_right_to_write_nor_a_home(
    public_directory: Path, bundles: tuple[Path, ...]
) -> None:
    store = Store(public_directory / "store")
    store.publish(bundles[0])
    shutil.copytree(Path(__file__).parent.parent / "edgerec", public_directory / "lib/edgerec")
    for found in public_directory.rglob("*"):
        found.chmod(0o555 if found.is_dir() else 0o444)
    before = tree(public_directory)
    environment = {"PYTHONPATH": str(public_directory / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(store.root)],
        check=True,
        env=environment,
        cwd=public_directory,
    )
    assert tree(public_directory) == before
    if os.getuid() != 0:  # or the directory could not be removed
        for found in [*public_directory.rglob("*")]:
            found.chmod(0o755)


def test_a_root_that_is_no_directory_is_named(tmp_path: Path) -> None:
    Content({"a": b"1"}, {}).write(tmp_path / "x.bundle")
    (tmp_path / "file").write_text("not a store")
    store = Store(tmp_path / "file")
    for use in (store.current, store.history, lambda: store.publish(tmp_path / "x.bundle")):
        with pytest.raises(BundleError, match="file"):
            use()
