"""Bundles written by hand, as docs/format.md describes them: whatever manifest, right digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(name: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "opaque", "sha256": sha256(data), "bytes": len(data), **more}


def manifest(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format": {"major": 1, "minor": 0},
        "requires": [],
        "parts": list(parts),
        "sections": {},
        **more,
    }


def canonical(document: Any) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def write(path: Path, document: bytes, parts: Iterable[bytes] = ()) -> str:
    """Write a bundle with this manifest and these files; returns its version."""
    (path / "parts").mkdir(parents=True)
    for data in parts:
        (path / "parts" / sha256(data)).write_bytes(data)
    (path / "manifest.json").write_bytes(document)
    (path / "manifest.sha256").write_text(f"{sha256(document)}  manifest.json\n")
    return sha256(document)


def tree(path: Path) -> dict[str, bytes | None]:
    """Every file below a directory with its bytes; None for directories."""
    return {
        str(found.relative_to(path)): found.read_bytes() if found.is_file() else None
        for found in sorted(path.rglob("*"))
    }
