"""Reading: what was written comes back, and no damage anywhere gets past opening."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.bundle.layout import CHUNK_BYTES
from edgerec.bundle.reader import open_bundle
from edgerec.errors import (
    BundleCorruptError,
    BundleError,
    BundleNotFound,
    BundleVersionError,
    EngineClosed,
    ValueRangeError,
)
from tests.oracles import bundles as oracle
from tests.strategies.bundles import Content, contents, damaged

ROWS, WIDTH = 3 * 1024 + 7, 1000  # 2.94 MiB of int8: two full chunks and a part of one


@pytest.fixture
def small(tmp_path: Path) -> Path:
    content = Content(
        {"model.onnx": b"graph", "table/codes": np.arange(-6, 6, dtype=np.int8).reshape(4, 3)},
        {"kind": "shop", "plan": {"backend": "onnxruntime", "keep": 0.75}},
    )
    content.write(tmp_path / "shop.bundle")
    return tmp_path / "shop.bundle"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    table = (np.arange(ROWS * WIDTH, dtype=np.int64) % 251).astype(np.int8).reshape(ROWS, WIDTH)
    Content({"table": table, "model": b"graph"}, {}).write(tmp_path / "large.bundle")
    return tmp_path / "large.bundle"


def file_of(path: Path, part: str) -> Path:
    """The file that holds a part's bytes."""
    with open_bundle(path, lazy=True) as bundle:
        return path / "parts" / bundle.part(part).sha256


def flip(file: Path, place: int, mask: int = 1) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ mask]))


@given(contents(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read(content: Content, lazy: bool) -> None:
    with TemporaryDirectory() as directory:
        version = content.write(Path(directory) / "x.bundle")
        with open_bundle(Path(directory) / "x.bundle", lazy=lazy, version=version) as bundle:
            assert bundle.version == version
            assert bundle.names() == tuple(sorted(content.parts))
            for name, data in content.parts.items():
                if isinstance(data, bytes):
                    assert bundle.read(name) == data
                    continue
                array = bundle.array(name)
                assert array.dtype == data.dtype.newbyteorder("<")
                assert array.shape == data.shape
                # Bit for bit, so that NaNs count too.
                assert array.tobytes() == data.astype(array.dtype).tobytes() == bundle.read(name)
            for name, value in content.sections.items():
                assert bundle.section(name) == value
            bundle.verify()


def test_arrays_are_aligned_read_only_and_shared(large: Path) -> None:
    with open_bundle(large) as bundle:
        table = bundle.array("table")
        assert table.ctypes.data % 64 == 0
        assert not table.flags.writeable
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            table.setflags(write=True)
        assert np.shares_memory(table, bundle.array("table"))
        assert np.shares_memory(table, bundle.rows("table", 5, 6))
    assert table[-1, -1] == (ROWS * WIDTH - 1) % 251 - 256 * ((ROWS * WIDTH - 1) % 251 > 127)


def test_every_flipped_byte_of_every_file_is_refused_by_its_name(small: Path) -> None:
    files = [found for found in small.rglob("*") if found.is_file()]
    assert len(files) == 4
    for file in files:
        for place in range(file.stat().st_size):
            flip(file, place, mask=0x20)  # a letter's case, the bit that is easiest to miss
            with pytest.raises(BundleCorruptError, match=file.name):
                open_bundle(small)
            flip(file, place, mask=0x20)
    open_bundle(small).close()


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_damage_anywhere_is_refused_by_its_name(data: st.DataObject) -> None:
    content = data.draw(contents())
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.bundle"
        content.write(path)
        files = sorted(found for found in path.rglob("*") if found.is_file())
        for file in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=10)):
            sound = file.read_bytes()
            file.write_bytes(data.draw(damaged(sound)))
            with pytest.raises(BundleCorruptError) as caught:
                open_bundle(path)
            assert file.name in str(caught.value)
            if file.parent.name == "parts":
                assert any(repr(name) in str(caught.value) for name in content.parts)
            file.write_bytes(sound)
        open_bundle(path).close()


def test_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(BundleNotFound, match=str(path)):
            open_bundle(path)


def test_another_version_than_wanted_is_refused(small: Path) -> None:
    with pytest.raises(BundleVersionError, match="wanted 00"):
        open_bundle(small, version="00")


def outside(file: Path) -> Path:
    """A free path in the directory above the bundle."""
    above = next(p for p in file.parents if p.suffix == ".bundle").parent
    return above / "elsewhere"


def to_symlink(file: Path) -> None:
    file.symlink_to(file.rename(outside(file)))


def to_second_link(file: Path) -> None:
    outside(file).hardlink_to(file)


def to_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def to_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("change", [to_symlink, to_second_link, to_pipe, to_directory, Path.unlink])
@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256", "model.onnx", "table/codes"])
@pytest.mark.parametrize("lazy", [False, True])
def test_only_plain_files_of_their_own_are_read(
    small: Path, name: str, change: Callable[[Path], None], lazy: bool
) -> None:
    file = small / name if (small / name).exists() else file_of(small, name)
    change(file)
    wanted = BundleCorruptError
    if change is Path.unlink and name == "manifest.json":
        wanted = BundleNotFound  # type: ignore[assignment]
    with pytest.raises(wanted, match=file.name):
        open_bundle(small, lazy=lazy)


def test_the_parts_are_not_elsewhere(small: Path) -> None:
    (small / "parts").rename(small.parent / "parts")
    (small / "parts").symlink_to(small.parent / "parts")
    with pytest.raises(BundleCorruptError, match="parts"):
        open_bundle(small)
    (small / "parts").unlink()
    with pytest.raises(BundleCorruptError, match="parts"):
        open_bundle(small)


@pytest.mark.parametrize(
    "name", ["notes.txt", ".hidden", "parts/" + "0" * 64, "parts/.x", "deep/er"]
)
def test_what_the_manifest_does_not_promise_is_refused(small: Path, name: str) -> None:
    (small / name).parent.mkdir(exist_ok=True)
    (small / name).write_text("x")
    with pytest.raises(BundleCorruptError, match=Path(name).parts[0]):
        open_bundle(small)


def test_a_manifest_with_a_right_digest_is_still_checked(tmp_path: Path) -> None:
    oracle.write(tmp_path / "nan", b'{"format":{"major":1,"minor":0},"parts":[],"requires":[NaN]}')
    with pytest.raises(BundleCorruptError, match="NaN"):
        open_bundle(tmp_path / "nan")
    oracle.write(tmp_path / "new", oracle.canonical(oracle.manifest(requires=["x"])))
    with pytest.raises(BundleVersionError, match="requires x"):
        open_bundle(tmp_path / "new")
    (tmp_path / "new" / "manifest.json").write_bytes(b" " * (1 << 24) + b"{}")
    with pytest.raises(BundleCorruptError, match="more than 16777216 bytes"):
        open_bundle(tmp_path / "new")


def test_hand_written_bundles_are_read(tmp_path: Path) -> None:
    parts = [oracle.entry("a", b"1234", dtype="uint16", shape=[2]), oracle.entry("b", b"1234")]
    document = oracle.canonical(oracle.manifest(*parts))
    version = oracle.write(tmp_path / "x", document, [b"1234"])
    with open_bundle(tmp_path / "x") as bundle:
        assert bundle.version == version
        assert bundle.array("a").tolist() == [0x3231, 0x3433]
        assert bundle.read("b") == b"1234"
        assert bundle.names("opaque") == ("a", "b")


def test_lazy_arrays_are_checked_by_the_chunks_that_are_used(large: Path) -> None:
    flip(file_of(large, "table"), CHUNK_BYTES + 12)
    with pytest.raises(BundleCorruptError, match="bytes 1048576 to 2097152"):
        open_bundle(large)
    bundle = open_bundle(large, lazy=True)
    first = CHUNK_BYTES // WIDTH  # the row that the first chunk ends in
    assert bundle.rows("table", 0, first).shape == (first, WIDTH)
    assert bundle.rows("table", ROWS - 1, ROWS).shape == (1, WIDTH)
    assert bundle.rows("table", 3, 3).shape == (0, WIDTH)
    for start, stop in ((first, first + 1), (first + 1, first + 2), (0, ROWS)):
        with pytest.raises(BundleCorruptError, match=r"part 'table'.*bytes 1048576 to 2097152"):
            bundle.rows("table", start, stop)
    for _ in range(2):
        with pytest.raises(BundleCorruptError, match="part 'table'"):
            bundle.array("table")
    with pytest.raises(BundleCorruptError, match="part 'table'"):
        bundle.verify()
    assert bundle.read("model") == b"graph"


def test_what_others_parse_is_checked_when_opening_lazily(large: Path) -> None:
    flip(file_of(large, "model"), 0)
    with pytest.raises(BundleCorruptError, match="part 'model'"):
        open_bundle(large, lazy=True)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "x.bundle"
    Content({"table": np.arange(500_000, dtype=np.int64).reshape(-1, 2)}, {}).write(path)
    return path


@given(start=st.integers(-2, 250_002), count=st.integers(-2, 150_000))
@settings(deadline=None)
def test_rows_are_those_of_the_array(table: Path, start: int, count: int) -> None:
    with open_bundle(table, lazy=True) as bundle:
        if 0 <= start <= start + count <= 250_000:
            rows = bundle.rows("table", start, start + count)
            expected = np.arange(2 * start, 2 * (start + count)).reshape(-1, 2)
            assert np.array_equal(rows, expected)
        else:
            with pytest.raises(ValueRangeError, match="rows 0 to 250000"):
                bundle.rows("table", start, start + count)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_written_to_after_opening_is_refused(large: Path, lazy: bool) -> None:
    with open_bundle(large, lazy=lazy) as bundle:
        kept = bundle.array("table")
        os.utime(file_of(large, "table"), ns=(0, 0))
        with pytest.raises(BundleCorruptError, match=r"part 'table'.*changed since"):
            bundle.array("table")
        flip(file_of(large, "model"), 1)
        with pytest.raises(BundleCorruptError, match="part 'model'"):
            bundle.read("model")
        assert kept.shape == (ROWS, WIDTH)


def test_an_open_bundle_outlives_its_directory(large: Path) -> None:
    with open_bundle(large) as bundle:
        expected = int(bundle.array("table").sum(dtype=np.int64))
        large.rename(large.with_name("renamed"))
        assert bundle.read("model") == b"graph"
        shutil.rmtree(large.with_name("renamed"))
        assert int(bundle.array("table").sum(dtype=np.int64)) == expected
        with pytest.raises(BundleCorruptError, match=r"part 'model'.*missing"):
            bundle.read("model")


def test_names_that_a_bundle_lacks(small: Path) -> None:
    with open_bundle(small) as bundle:
        with pytest.raises(BundleError, match=r"no part 'ranker'; it has model.onnx, table/codes"):
            bundle.read("ranker")
        with pytest.raises(BundleError, match=r"no section 'models'; it has kind, plan"):
            bundle.section("models")
        with pytest.raises(BundleError, match="not an array"):
            bundle.array("model.onnx")
        plan = bundle.section("plan")
        plan["backend"] = "changed"
        assert bundle.section("plan") == {"backend": "onnxruntime", "keep": 0.75}


def test_a_closed_bundle_reads_no_more(small: Path) -> None:
    bundle = open_bundle(small)
    kept = bundle.array("table/codes")
    bundle.close()
    bundle.close()
    assert kept[0, 0] == -6
    for use in (bundle.read, bundle.array):
        with pytest.raises(EngineClosed, match="open it again"):
            use("table/codes")


def test_a_closed_bundle_is_not_verified(small: Path) -> None:
    bundle = open_bundle(small)
    bundle.close()
    with pytest.raises(EngineClosed, match="open it again"):
        bundle.verify()


def test_progress_names_each_part(small: Path) -> None:
    seen: list[str] = []
    with open_bundle(small, progress=seen.append) as bundle:
        bundle.verify(seen.append)
    assert seen == ["model.onnx", "table/codes"] * 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_no_descriptor_is_left_behind(small: Path) -> None:
    flip(file_of(small, "table/codes"), 0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(BundleCorruptError):
            open_bundle(small)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_threads_share_a_bundle(large: Path) -> None:
    with open_bundle(large, lazy=True) as bundle, ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(lambda _: int(bundle.array("table").sum(dtype=np.int64)), range(32)))
    assert len(set(sums)) == 1


IN_A_CHILD = """
import os, sys
from edgerec.bundle.reader import open_bundle
bundle = open_bundle(sys.argv[1], lazy=True)
kept = bundle.rows("table", 0, 1)
child = os.fork()
if child == 0:
    wanted = int(bundle.array("table").sum(dtype="int64")), bundle.read("model")
    os._exit(0 if wanted == (int(sys.argv[2]), b"graph") else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_reads_on(large: Path) -> None:
    with open_bundle(large) as bundle:
        total = str(int(bundle.array("table").sum(dtype=np.int64)))
    subprocess.run([sys.executable, "-c", IN_A_CHILD, str(large), total], check=True)
