"""Names and limits of the bundle format; ``docs/format.md`` describes the format itself.

The limits belong to the reader: they bound what an unknown directory can make it do. Raising one
does not change the format.
"""

from __future__ import annotations

__all__ = [
    "CHUNK_BYTES",
    "DTYPES",
    "FEATURES",
    "FORMAT",
    "MANIFEST",
    "MANIFEST_DIGEST",
    "MAX_BUNDLE_BYTES",
    "MAX_DEPTH",
    "MAX_KIND_LENGTH",
    "MAX_MANIFEST_BYTES",
    "MAX_NAME_LENGTH",
    "MAX_NAME_SEGMENTS",
    "MAX_PARTS",
    "MAX_PART_BYTES",
    "MAX_RANK",
    "PARTS",
    "digest_line",
    "part_path",
]

# (major, minor). A new minor adds what an older reader may ignore; a new major does not.
FORMAT = (1, 0)
# What a bundle may list under "requires" and this reader knows.
FEATURES: frozenset[str] = frozenset()

MANIFEST = "manifest.json"
MANIFEST_DIGEST = "manifest.sha256"
PARTS = "parts"

# Item sizes of the element types an array part may have, all little-endian.
DTYPES = {
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float16": 2,
    "float32": 4,
    "float64": 8,
}

CHUNK_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 1 << 24
MAX_PARTS = 4096
MAX_PART_BYTES = 1 << 36
MAX_BUNDLE_BYTES = 1 << 38
MAX_RANK = 8
MAX_DEPTH = 32
MAX_NAME_LENGTH = 200
MAX_NAME_SEGMENTS = 8
MAX_KIND_LENGTH = 32


def part_path(sha256: str) -> str:
    """Where a bundle keeps the bytes with this digest, relative to its directory."""
    return f"{PARTS}/{sha256}"


def digest_line(sha256: str) -> bytes:
    """The whole of ``manifest.sha256``, as ``sha256sum`` writes it and checks it."""
    return f"{sha256}  {MANIFEST}\n".encode("ascii")
