"""The manifest: which parts a bundle has, what each is, and small JSON sections beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from edgerec.bundle import layout
from edgerec.bundle.canonical import canonical_json, check_json, parse_json
from edgerec.bundle.part import Part, check_name, is_count
from edgerec.errors import (
    BundleCorruptError,
    BundleVersionError,
    InvalidInput,
    LimitExceeded,
)

__all__ = ["Manifest"]

PART_KEYS = {"name", "kind", "sha256", "bytes"}
ARRAY_KEYS = {"dtype", "shape", "chunks"}
FORMAT_KEYS = {"major", "minor"}
MANIFEST_KEYS = {"format", "requires", "parts", "sections"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a bundle holds.

    Parameters
    ----------
    parts : tuple of Part
        In ascending order of their names, which differ.
    sections : mapping of str to JSON
        Small settings by name: plans, feature specs, the recipe.
    format : (major, minor)
    requires : tuple of str
        Features without which the bundle must not be read.
    """

    parts: tuple[Part, ...]
    sections: Mapping[str, Any] = field(default_factory=dict)
    format: tuple[int, int] = layout.FORMAT
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if names != sorted(set(names)):
            raise InvalidInput("parts must differ in their names and stand in their order")
        total = sum(part.bytes for part in self.parts)
        if len(names) > layout.MAX_PARTS or total > layout.MAX_BUNDLE_BYTES:
            raise LimitExceeded(
                f"a bundle has at most {layout.MAX_PARTS} parts and {layout.MAX_BUNDLE_BYTES} "
                f"bytes, this one has {len(names)} and {total}"
            )
        for name in self.sections:
            check_name(name)
        check_json(dict(self.sections), "$.sections", depth=1)

    def to_bytes(self) -> bytes:
        """Canonical form: the same manifest is always the same bytes.

        Raises
        ------
        LimitExceeded
            More than 16 MiB.
        """
        major, minor = self.format
        data = canonical_json(
            {
                "format": {"major": major, "minor": minor},
                "requires": list(self.requires),
                "parts": [part.to_dict() for part in self.parts],
                "sections": dict(self.sections),
            }
        )
        if len(data) > layout.MAX_MANIFEST_BYTES:
            raise LimitExceeded(
                f"a manifest has at most {layout.MAX_MANIFEST_BYTES} bytes, this one has "
                f"{len(data)}: put large values into parts"
            )
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read ``manifest.json``; messages name the place, as ``manifest.json:$.parts[3].dtype``.

        Raises
        ------
        BundleVersionError
            A newer format, one that is too old, or a required feature that is not known here.
        BundleCorruptError
            Not JSON, a key twice, NaN, a key or value that the format does not allow.
        """
        try:
            document = parse_json(data)
        except InvalidInput as error:
            raise BundleCorruptError(f"{layout.MANIFEST}: {error}") from error
        if not isinstance(document, dict):
            _corrupt("$", "must be an object")
        version, requires = _check_version(document)
        newer = version > layout.FORMAT
        _check_keys(document, MANIFEST_KEYS, set(), "$", newer=newer)
        _check_keys(document["format"], FORMAT_KEYS, set(), "$.format", newer=newer)
        entries, sections = document["parts"], document["sections"]
        if not isinstance(entries, list) or not isinstance(sections, dict):
            _corrupt("$", "parts must be a list and sections an object")
        parts = tuple(_part(entry, f"$.parts[{i}]", newer) for i, entry in enumerate(entries))
        try:
            return cls(parts, sections, version, requires)
        except InvalidInput as error:
            raise BundleCorruptError(f"{layout.MANIFEST}: {error}") from error


def _check_version(document: dict[str, Any]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Format and requirements; looked at first, since all else may differ in another format."""
    version, requires = document.get("format"), document.get("requires")
    if not isinstance(version, dict) or not all(
        is_count(version.get(key)) for key in ("major", "minor")
    ):
        _corrupt("$.format", f"must hold major and minor, got {version!r}")
    if not isinstance(requires, list) or not all(isinstance(name, str) for name in requires):
        _corrupt("$.requires", f"must be a list of text, got {requires!r}")
    major, newest = version["major"], layout.FORMAT[0]
    if major > newest:
        raise BundleVersionError(
            f"the bundle has format {major}, this edgerec reads up to {newest}: upgrade edgerec"
        )
    if major < max(1, newest - 1):
        raise BundleVersionError(
            f"the bundle has format {major}, too old for this edgerec: build it again"
        )
    unknown = sorted(set(requires) - layout.FEATURES)
    if unknown:
        raise BundleVersionError(
            f"the bundle requires {', '.join(unknown)}, unknown to this edgerec: upgrade edgerec"
        )
    return (major, version["minor"]), tuple(requires)


def _part(entry: Any, path: str, newer: bool) -> Part:
    if not isinstance(entry, dict):
        _corrupt(path, f"must be an object, got {type(entry).__name__}")
    _check_keys(entry, PART_KEYS, ARRAY_KEYS, path, newer=newer)
    known = {key: entry[key] for key in PART_KEYS | ARRAY_KEYS if key in entry}
    try:
        part = Part(**known)
    except InvalidInput as error:
        raise BundleCorruptError(f"{layout.MANIFEST}:{path}: {error}") from error
    if part.to_dict() != known:
        _corrupt(path, "keys of an array stand where there is none, or say nothing")
    return part


def _check_keys(
    entry: dict[str, Any], needed: set[str], allowed: set[str], path: str, *, newer: bool
) -> None:
    missing = sorted(needed - set(entry))
    unknown = sorted(set(entry) - needed - allowed)
    if missing or (unknown and not newer):
        _corrupt(path, f"missing keys {missing}, unknown keys {unknown}")


def _corrupt(path: str, what: str) -> NoReturn:
    raise BundleCorruptError(f"{layout.MANIFEST}:{path}: {what}")
