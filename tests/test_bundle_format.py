"""docs/format.md is the format: its reader reads our bundles, its example is ours to the byte."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgerec.bundle import layout
from edgerec.bundle.writer import BundleWriter
from tests.oracles.bundles import sha256
from tests.strategies.bundles import Content, contents

PAGE = (Path(__file__).parent.parent / "docs" / "format.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page's Python defines."""
    names: dict[str, Any] = {}
    exec(compile("".join(blocks("python")), "docs/format.md", "exec"), names)
    return names


@given(content=contents())
@settings(max_examples=15, deadline=None)
def test_the_reader_on_the_page_reads_bundles(page: dict[str, Any], content: Content) -> None:
    with TemporaryDirectory() as directory:
        content.write(Path(directory) / "x")
        parts, sections = page["read_bundle"](Path(directory) / "x")
    assert sections == content.sections
    assert set(parts) == set(content.parts)
    for name, data in content.parts.items():
        if isinstance(data, bytes):
            assert parts[name] == data
        else:
            assert parts[name].shape == data.shape
            assert parts[name].tobytes() == data.astype(parts[name].dtype).tobytes()


def test_the_example_is_to_the_byte(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "x") as writer:
        writer.add("greeting", "text", b"hello")
        writer.add_array("vectors", "vectors", np.array([[1.0, -2.0]], np.float32))
        writer.set("kind", "example")
    document = blocks("json")[0].replace("\n", "")
    assert (tmp_path / "x" / "manifest.json").read_text() == document
    assert writer.version == sha256(document.encode())
    assert f"`{writer.version}`" in PAGE
    vectors = json.loads(document)["parts"][1]["sha256"]
    assert (tmp_path / "x" / "parts" / vectors).read_bytes() == bytes.fromhex("0000803f000000c0")


def test_the_page_states_what_the_code_does() -> None:
    text = " ".join(PAGE.split())
    assert f"format **{layout.FORMAT[0]}.{layout.FORMAT[1]}**" in text
    assert " ".join(layout.DTYPES) in text
    assert f"{layout.CHUNK_BYTES:,} bytes" in text
    assert f"{layout.MAX_MANIFEST_BYTES >> 20} MiB, nested {layout.MAX_DEPTH} deep" in text
    assert f"| parts | {layout.MAX_PARTS:,} |" in text
    assert f"| one part | {layout.MAX_PART_BYTES >> 30} GiB" in text
    assert f"| all parts | {layout.MAX_BUNDLE_BYTES >> 30} GiB" in text
    assert f"Exactly {len(layout.digest_line('0' * 64))} bytes" in text
    assert f"at most {layout.MAX_NAME_LENGTH} characters" in text
    assert not layout.FEATURES, "describe each feature of `requires` on the page"
