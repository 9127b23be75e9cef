"""Writing: whole or not at all, the same content the same version, nothing replaced unasked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.bundle.reader import open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.errors import BundleCorruptError, InvalidInput, LimitExceeded, OutputExists
from tests.oracles.bundles import tree
from tests.strategies.bundles import Content, contents


def entries(directory: Path) -> set[str]:
    return {found.name for found in directory.iterdir()}


@given(contents(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_same_content_has_the_same_version(content: Content, random: Any) -> None:
    parts, sections = list(content.parts.items()), list(content.sections.items())
    random.shuffle(parts)
    random.shuffle(sections)
    with TemporaryDirectory() as directory:
        first, second = Path(directory) / "a", Path(directory) / "b"
        assert content.write(first) == Content(dict(parts), dict(sections)).write(second)
        assert tree(first) == tree(second)
        assert entries(Path(directory)) == {"a", "b"}


def test_every_chunk_of_a_large_part_has_its_digest(tmp_path: Path) -> None:
    """More than one block is written, and copied into another bundle."""
    data = np.random.default_rng(0).integers(0, 256, (5 << 20) + 7).astype(np.uint8)
    with BundleWriter(tmp_path / "a") as writer:
        writer.add_array("x", "array", data)
    with open_bundle(tmp_path / "a") as old, BundleWriter(tmp_path / "b", base=old) as writer:
        writer.keep("x")
    with open_bundle(tmp_path / "b") as bundle:
        (part,) = bundle.manifest.parts
        np.testing.assert_array_equal(bundle.array("x"), data)
    pieces = [data[at : at + (1 << 20)].tobytes() for at in range(0, data.size, 1 << 20)]
    assert part.chunks == tuple(hashlib.sha256(piece).hexdigest() for piece in pieces)
    assert part.sha256 == hashlib.sha256(data.tobytes()).hexdigest()


def test_equal_parts_share_a_file(tmp_path: Path) -> None:
    Content({"a": b"same", "b/c": b"same", "d": np.frombuffer(b"same", np.int8)}, {}).write(
        tmp_path / "x"
    )
    assert len(list((tmp_path / "x" / "parts").iterdir())) == 1


@pytest.mark.parametrize("force", [False, True])
def test_a_failure_leaves_nothing_behind_and_the_old_untouched(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "x.bundle"
    if force:
        Content({"a": b"old"}, {}).write(path)
    before = tree(tmp_path)
    with pytest.raises(ZeroDivisionError), BundleWriter(path, force=force) as writer:  # noqa: PT012
        writer.add("a", "text", b"new")
        writer.add_array("b", "table", np.zeros(3))
        raise ZeroDivisionError
    with pytest.raises(InvalidInput, match="not written yet"):
        _ = writer.version
    with pytest.raises(LimitExceeded), BundleWriter(path, force=force) as writer:
        writer.set("text", "x" * (1 << 24))
    assert tree(tmp_path) == before


def test_an_output_that_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.bundle"
    old = Content({"a": b"old"}, {}).write(path)
    with pytest.raises(OutputExists, match="use force"):
        Content({"a": b"new"}, {}).write(path)
    with open_bundle(path) as bundle:
        assert bundle.version == old
    new = Content({"a": b"new"}, {}).write(path, force=True)
    with open_bundle(path) as bundle:
        assert bundle.version == new != old
    assert entries(tmp_path) == {"x.bundle"}


def test_force_replaces_nothing_but_bundles(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(home)
    before = tree(tmp_path)
    for name in ("home", "file", "link"):
        with pytest.raises(OutputExists, match="force replaces"):
            Content({}, {}).write(tmp_path / name, force=True)
    assert tree(tmp_path) == before
    (tmp_path / "empty").mkdir()
    Content({}, {}).write(tmp_path / "empty", force=True)
    open_bundle(tmp_path / "empty").close()


def test_an_output_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.bundle"
    with pytest.raises(OutputExists), BundleWriter(path) as writer:  # noqa: PT012
        writer.add("a", "text", b"late")
        first = Content({"a": b"first"}, {}).write(path)
    with open_bundle(path) as bundle:
        assert bundle.version == first
    assert entries(tmp_path) == {"x.bundle"}


def test_an_output_needs_a_directory_and_a_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no directory"):
        Content({}, {}).write(tmp_path / "none" / "x.bundle")
    with pytest.raises(InvalidInput, match="not a new name"):
        Content({}, {}).write(tmp_path / "..")
    assert entries(tmp_path) == set()


def test_an_output_needs_a_directory_that_can_be_written_to() -> None:
    proc = Path("/proc")
    if not proc.is_dir():
        pytest.skip("there is no /proc")
    with pytest.raises(InvalidInput, match="cannot write /proc/x"):
        Content({}, {}).write(proc / "x")


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "x") as writer:
        writer.add("a", "text", b"")
        with pytest.raises(InvalidInput, match="part 'a' already"):
            writer.add("a", "text", b"again")
        with pytest.raises(InvalidInput, match="name is segments"):
            writer.add("../a", "text", b"")
        with pytest.raises(InvalidInput, match="kind"):
            writer.add("b", "No Kind", b"")
        for bad in (np.array([True]), np.array(["text"]), np.array([None]), np.zeros(2, complex)):
            with pytest.raises(InvalidInput, match="store booleans as uint8"):
                writer.add_array("b", "table", bad)
        with pytest.raises(InvalidInput, match=r"\$\.sections\.plan\.loss"):
            writer.set("plan", {"loss": float("nan")})
        with pytest.raises(InvalidInput, match="base"):
            writer.keep("a")
    with open_bundle(tmp_path / "x") as bundle:
        assert bundle.names() == ("a",)
    with pytest.raises(InvalidInput, match="with block"):
        writer.add("c", "text", b"")


def test_a_part_that_was_refused_leaves_the_others_readable(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "x") as writer:
        writer.add("kept", "text", b"same")
        with pytest.raises(InvalidInput):
            writer.add("a", "NO KIND", b"orphan")
        with pytest.raises(InvalidInput):
            writer.add("b", "NO KIND", b"same")
        with pytest.raises(LimitExceeded):
            writer.add_array("c", "table", np.zeros((1,) * 9))
    with open_bundle(tmp_path / "x") as bundle:
        assert bundle.names() == ("kept",)


def test_a_writer_writes_once(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "x", force=True)
    with writer:
        writer.add("a", "text", b"once")
    with pytest.raises(InvalidInput, match="another"), writer:
        pass
    with open_bundle(tmp_path / "x", version=writer.version) as bundle:
        assert bundle.read("a") == b"once"
    assert entries(tmp_path) == {"x"}


def test_sections_are_taken_as_they_are_now(tmp_path: Path) -> None:
    plan = {"widths": (1, 2)}
    with BundleWriter(tmp_path / "x") as writer:
        writer.set("plan", plan)
        plan["widths"] = (3, 4)
    with open_bundle(tmp_path / "x") as bundle:
        assert bundle.section("plan") == {"widths": [1, 2]}


def test_parts_that_stayed_are_kept(tmp_path: Path) -> None:
    table = np.arange(700_000, dtype=np.int32)
    Content({"table": table, "empty": table[:0], "ranker": b"old"}, {}).write(tmp_path / "old")
    with open_bundle(tmp_path / "old") as base:
        with BundleWriter(tmp_path / "new", base=base) as writer:
            writer.keep("table", "empty")
            writer.add("ranker", "opaque", b"new")
        whole = Content({"table": table, "empty": table[:0], "ranker": b"new"}, {})
        assert writer.version == whole.write(tmp_path / "whole")
        with open_bundle(tmp_path / "new") as bundle:
            assert np.array_equal(bundle.array("table"), table)


def test_damage_is_not_kept(tmp_path: Path) -> None:
    Content({"table": np.arange(9)}, {}).write(tmp_path / "old")
    before = tree(tmp_path)
    with open_bundle(tmp_path / "old") as base:
        file = tmp_path / "old" / "parts" / base.part("table").sha256
        sound = file.read_bytes()
        file.write_bytes(bytes(len(sound)))
        with (
            pytest.raises(BundleCorruptError, match="part 'table'"),
            BundleWriter(tmp_path / "new", base=base) as writer,
        ):
            writer.keep("table")
        with BundleWriter(tmp_path / "stubborn", base=base) as writer:
            for _ in range(2):
                with pytest.raises(BundleCorruptError, match="part 'table'"):
                    writer.keep("table")
        file.write_bytes(sound)
    open_bundle(tmp_path / "stubborn").close()
    shutil.rmtree(tmp_path / "stubborn")
    assert tree(tmp_path) == before


DISK_FULL = """
import resource, sys
import numpy as np
from edgerec.bundle.writer import BundleWriter
from edgerec.errors import BundleError
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    with BundleWriter(sys.argv[1], force=True) as writer:
        writer.add_array("table", "table", np.zeros(1 << 17, np.int8))
except BundleError as error:
    sys.exit(42 if "File too large" in str(error) else 1)
"""


def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    Content({"a": b"old"}, {}).write(tmp_path / "x")
    before = tree(tmp_path)
    done = subprocess.run([sys.executable, "-c", DISK_FULL, str(tmp_path / "x")], check=False)
    assert done.returncode == 42
    assert tree(tmp_path) == before
