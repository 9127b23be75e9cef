"""The manifest: read as written, refused where it deviates, versions looked at first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.bundle import layout
from edgerec.bundle.manifest import Manifest
from edgerec.bundle.part import Part
from edgerec.errors import BundleCorruptError, BundleVersionError, InvalidInput, LimitExceeded
from tests.oracles import bundles as oracle
from tests.strategies import bundles

DIGEST = oracle.sha256(b"")
ARRAY = {"dtype": "float32", "shape": [1, 2]}


def read(**more: Any) -> Manifest:
    return Manifest.from_bytes(oracle.canonical(oracle.manifest(**more)))


@given(
    st.dictionaries(bundles.names(), st.binary(max_size=4), max_size=5),
    st.dictionaries(bundles.names(), bundles.json_values(), max_size=3),
)
def test_the_form_is_that_of_the_format(parts: dict[str, bytes], sections: dict[str, Any]) -> None:
    entries = [oracle.entry(name, data) for name, data in sorted(parts.items())]
    document = oracle.canonical(oracle.manifest(*entries, sections=sections))
    manifest = Manifest.from_bytes(document)
    assert manifest.to_bytes() == document
    assert manifest == Manifest(tuple(Part(**entry) for entry in entries), sections)


@pytest.mark.parametrize(
    ("version", "said"),
    [((layout.FORMAT[0] + 1, 0), "upgrade"), ((0, 9), "build it again"), ((10**9, 0), "upgrade")],
)
def test_another_major_format_is_refused_whatever_else_it_holds(
    version: tuple[int, int], said: str
) -> None:
    future = {"format": {"major": version[0], "minor": version[1]}, "requires": [], "new": [1]}
    with pytest.raises(BundleVersionError, match=said):
        Manifest.from_bytes(oracle.canonical(future))


def test_an_unknown_requirement_is_refused_by_its_name() -> None:
    with pytest.raises(BundleVersionError, match="compressed-parts"):
        read(requires=["compressed-parts"])


def test_a_newer_minor_format_may_say_more() -> None:
    newer = {"major": 1, "minor": 1, "patch": 3}
    entry = oracle.entry("a", b"x", colour="red")
    manifest = read(format=newer, parts=[entry], notes="hello")
    assert manifest.format == (1, 1)
    assert manifest.parts[0].name == "a"
    with pytest.raises(BundleCorruptError, match="colour"):
        read(parts=[entry])
    with pytest.raises(BundleCorruptError, match="notes"):
        read(notes="hello")
    with pytest.raises(BundleCorruptError, match="patch"):
        read(format={"major": 1, "minor": 0, "patch": 3})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"format": None}, r"\$.format"),
        ({"format": {"major": True, "minor": 0}}, r"\$.format"),
        ({"format": {"major": 1}}, r"\$.format"),
        ({"requires": "none"}, r"\$.requires"),
        ({"requires": [1]}, r"\$.requires"),
        ({"parts": {}}, "list"),
        ({"sections": []}, "object"),
        ({"sections": {"../up": 1}}, "name"),
        ({"parts": [3]}, r"\$.parts\[0\]"),
        ({"parts": [{}]}, "missing"),
        ({"parts": [oracle.entry("b", b""), oracle.entry("a", b"")]}, "order"),
        ({"parts": [oracle.entry("a", b""), oracle.entry("a", b"")]}, "differ"),
    ],
)
def test_deviations_are_refused_with_their_place(more: dict[str, Any], said: str) -> None:
    with pytest.raises(BundleCorruptError, match=rf"manifest\.json.*{said}"):
        read(**more)


@pytest.mark.parametrize("document", [b"[]", b"null", b"{}", b'{"format":{"major":1,"minor":0}}'])
def test_what_is_no_manifest_is_refused(document: bytes) -> None:
    with pytest.raises(BundleCorruptError, match=r"manifest\.json"):
        Manifest.from_bytes(document)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "/etc/passwd", "a/../b", "a//b", "a/", ".hidden", "-x", "a\0b", "a\nb",
     "a b", "é", "a\\b", "a" * 201, "a/b/c/d/e/f/g/h/i", None, 7],
)  # fmt: skip
def test_names_are_plain(name: Any) -> None:
    with pytest.raises(InvalidInput):
        Part(name, "model", DIGEST, 0)
    with pytest.raises(BundleCorruptError, match=r"\$\.parts\[0\]"):
        read(parts=[{**oracle.entry("x", b""), "name": name}])


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ""},
        {"kind": "Model"},
        {"kind": "k" * 33},
        {"sha256": DIGEST.upper()},
        {"sha256": DIGEST[:-1]},
        {"sha256": f"../{DIGEST[3:]}"},
        {"bytes": -1},
        {"bytes": 1.0},
        {"bytes": True},
        {"bytes": layout.MAX_PART_BYTES + 1},
        {"dtype": "float32"},
        {"shape": [0]},
        {"dtype": None},
        {"chunks": []},
        {"chunks": [DIGEST]},
        {"dtype": "object", "shape": [0]},
        {"dtype": "bool", "shape": [0]},
        {"dtype": ["int8"], "shape": [0]},
        {"dtype": "int8", "shape": 0},
        {"dtype": "int8", "shape": [-1]},
        {"dtype": "int8", "shape": [0, 2**40]},
        {"dtype": "int8", "shape": [1]},
        {"dtype": "int8", "shape": [0] * 9},
        {"dtype": "int8", "shape": [0], "chunks": [DIGEST]},
        {"dtype": "int8", "shape": [2**21], "bytes": 2**21},
        {"dtype": "int8", "shape": [2**21], "bytes": 2**21, "chunks": [DIGEST]},
        {"dtype": "int8", "shape": [2**21], "bytes": 2**21, "chunks": [DIGEST, "x"]},
        {"bytes": 2**21, "chunks": [DIGEST, DIGEST]},
    ],
    ids=str,
)
def test_parts_are_as_the_format_says(change: dict[str, Any]) -> None:
    with pytest.raises(BundleCorruptError, match=r"\$\.parts\[0\]"):
        read(parts=[{**oracle.entry("x", b""), **change}])


def test_limits_on_the_whole() -> None:
    many = [Part(f"p{i:05}", "k", DIGEST, 0) for i in range(layout.MAX_PARTS + 1)]
    assert len(Manifest(tuple(many[:-1])).parts) == layout.MAX_PARTS
    with pytest.raises(LimitExceeded, match="4096 parts"):
        Manifest(tuple(many))
    large = [Part(f"p{i}", "k", DIGEST, layout.MAX_PART_BYTES) for i in range(5)]
    with pytest.raises(LimitExceeded, match="bytes"):
        Manifest(tuple(large))
    with pytest.raises(LimitExceeded, match="put large values into parts"):
        Manifest((), {"text": "x" * layout.MAX_MANIFEST_BYTES}).to_bytes()
