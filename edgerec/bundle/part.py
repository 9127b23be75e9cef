"""One named piece of a bundle: what the manifest says of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from edgerec.bundle import layout
from edgerec.errors import InvalidInput, LimitExceeded

__all__ = ["Part", "check_name", "is_count"]

SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
NAME = re.compile(rf"{SEGMENT}(?:/{SEGMENT})*")
KIND = re.compile(r"[a-z0-9][a-z0-9_.-]*")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One named piece of a bundle: opaque bytes, or a raw array where ``dtype`` is given.

    Parameters
    ----------
    name : str
        At most 8 segments of ASCII letters, digits, ``_ . -`` (none begins with ``.`` or ``-``),
        joined by ``/``; at most 200 characters. A label, never used as a path on disk.
    kind : str
        What the bytes are, for whoever reads them: ``model``, ``vectors``, …
    sha256 : str
        SHA-256 of the bytes, 64 lower-case hex digits; also the file's name.
    bytes : int
        Size in [0, 64 GiB].
    dtype, shape : str and tuple of int, optional
        Element type (one of ``layout.DTYPES``) and dimensions of an array in C order.
    chunks : tuple of str
        SHA-256 of each MiB of an array that is larger than one, in order; empty otherwise.
    """

    name: str
    kind: str
    sha256: str
    bytes: int
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    chunks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_kind(self.kind)
        _check_sha256(self.sha256)
        if not is_count(self.bytes):
            raise InvalidInput(f"bytes must be an integer >= 0, got {self.bytes!r}")
        if self.bytes > layout.MAX_PART_BYTES:
            raise LimitExceeded(
                f"a part has at most {layout.MAX_PART_BYTES} bytes, {self.name!r} has {self.bytes}"
            )
        self._check_array()
        self._check_chunks()

    @property
    def is_array(self) -> bool:
        """Whether the bytes are a raw array, which nobody parses."""
        return self.dtype is not None

    @property
    def hashes(self) -> tuple[str, ...]:
        """Digests of the consecutive pieces that together cover every byte of the part."""
        return self.chunks or (self.sha256,)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; keys that say nothing are left out."""
        entry: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "sha256": self.sha256,
            "bytes": self.bytes,
        }
        if self.shape is not None:
            entry |= {"dtype": self.dtype, "shape": list(self.shape)}
        if self.chunks:
            entry["chunks"] = list(self.chunks)
        return entry

    def _check_array(self) -> None:
        if self.dtype is None and self.shape is None:
            return
        if not isinstance(self.dtype, str) or self.dtype not in layout.DTYPES:
            raise InvalidInput(
                f"dtype must be one of {', '.join(layout.DTYPES)}, got {self.dtype!r}"
            )
        if not isinstance(self.shape, list | tuple) or not all(map(is_count, self.shape)):
            raise InvalidInput(f"shape must be a list of integers >= 0, got {self.shape!r}")
        if len(self.shape) > layout.MAX_RANK:
            raise LimitExceeded(
                f"an array has at most {layout.MAX_RANK} dimensions, got {len(self.shape)}"
            )
        object.__setattr__(self, "shape", tuple(self.shape))
        width = layout.DTYPES[self.dtype]
        if width * math.prod(filter(None, self.shape)) > layout.MAX_PART_BYTES:
            raise LimitExceeded(f"shape {self.shape} is too large, empty or not")
        size = width * math.prod(self.shape)
        if size != self.bytes:
            raise InvalidInput(
                f"{self.dtype} of shape {self.shape} takes {size} bytes, the part has {self.bytes}"
            )

    def _check_chunks(self) -> None:
        if not isinstance(self.chunks, list | tuple):
            raise InvalidInput(f"chunks must be a list of digests, got {self.chunks!r}")
        for digest in self.chunks:
            _check_sha256(digest)
        object.__setattr__(self, "chunks", tuple(self.chunks))
        pieces = -(-self.bytes // layout.CHUNK_BYTES)
        wanted = pieces if self.is_array and pieces > 1 else 0
        if len(self.chunks) != wanted:
            raise InvalidInput(f"chunks must hold {wanted} digests, got {len(self.chunks)}")


def check_name(name: object) -> None:
    """Raise InvalidInput unless ``name`` may name a part or a section."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput(
            "a name is segments of ASCII letters, digits, '_', '.' and '-' joined by '/', none "
            f"beginning with '.' or '-'; got {name!r}"
        )
    if len(name) > layout.MAX_NAME_LENGTH or name.count("/") >= layout.MAX_NAME_SEGMENTS:
        raise LimitExceeded(
            f"a name has at most {layout.MAX_NAME_LENGTH} characters in "
            f"{layout.MAX_NAME_SEGMENTS} segments, got {name!r}"
        )


def is_count(value: object) -> bool:
    """Whether a JSON value is an integer >= 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_kind(kind: object) -> None:
    if not isinstance(kind, str) or not KIND.fullmatch(kind) or len(kind) > layout.MAX_KIND_LENGTH:
        raise InvalidInput(
            f"kind is at most {layout.MAX_KIND_LENGTH} of a-z, 0-9, '_', '.' and '-', got {kind!r}"
        )


def _check_sha256(digest: object) -> None:
    if not isinstance(digest, str) or not SHA256.fullmatch(digest):
        raise InvalidInput(f"a digest is 64 lower-case hex digits, got {digest!r}")
