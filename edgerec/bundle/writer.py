"""Write a bundle: complete under another name before it takes its own."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgerec.bundle.canonical import canonical_json, check_json, parse_json
from edgerec.bundle.files import check_output, copy_file, move_in, sync_directory, write_file
from edgerec.bundle.layout import (
    CHUNK_BYTES,
    DTYPES,
    MANIFEST,
    MANIFEST_DIGEST,
    PARTS,
    digest_line,
)
from edgerec.bundle.manifest import Manifest
from edgerec.bundle.mapped import differs
from edgerec.bundle.part import Part, check_name
from edgerec.bundle.reader import Bundle, Progress
from edgerec.errors import InvalidInput
from edgerec.machine.pages import HUGE_BYTES

__all__ = ["BundleWriter", "copy_bundle"]


class BundleWriter:
    """Write a bundle, in a ``with`` block at whose end it appears, whole and durable.

    If the block raises, nothing is left behind and what was at ``path`` is untouched. The same
    parts and sections make the same version, in whatever order they were added. A writer writes
    one bundle.

    Parameters
    ----------
    path : path
        The bundle's directory; the one above it must exist.
    force : bool
        Replace a bundle that is there.
    base : Bundle, optional
        Where :meth:`keep` takes parts from.

    Raises
    ------
    OutputExists
        Something is at ``path``, and ``force`` is not given or it is no bundle.
    InvalidInput
        There is no directory above ``path``, or none that can be written to, or the writer has
        been used.
    LimitExceeded
        At the end of the block: more parts, bytes or manifest than a reader accepts.
    BundleError
        The disk is full, or fails.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, force: bool = False, base: Bundle | None = None
    ) -> None:
        self._path = Path(path).absolute()
        self._force = force
        self._base = base
        self._parts: dict[str, Part] = {}
        self._sections: dict[str, Any] = {}
        self._draft: _Draft | None = None
        self._used = False
        self._version: str | None = None

    def __enter__(self) -> Self:
        if self._used:
            raise InvalidInput(f"{self._path}: a writer writes once; make another")
        self._draft = _Draft(self._path, force=self._force)
        self._used = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        draft, self._draft = self._open_draft(), None
        try:
            if kind is None:
                parts = tuple(self._parts[name] for name in sorted(self._parts))
                draft.keep_only({part.sha256 for part in parts})
                self._version = draft.commit(Manifest(parts, self._sections).to_bytes())
        finally:
            draft.discard()

    @property
    def version(self) -> str:
        """Digest of what was written; InvalidInput before the block has ended."""
        if self._version is None:
            raise InvalidInput(f"{self._path} is not written yet: its version comes with its end")
        return self._version

    def add(self, name: str, kind: str, data: bytes | memoryview) -> Part:
        """Add a part of opaque bytes.

        Raises
        ------
        InvalidInput
            The name or kind is not allowed (see :class:`Part`), or the name is taken.
        """
        self._check_free(name)
        view = memoryview(data).cast("B")
        sha256, _ = self._open_draft().add(view)
        return self._keep(Part(name, kind, sha256, len(view)))

    def add_array(self, name: str, kind: str, array: NDArray[Any]) -> Part:
        """Add an array of integers or floats, any shape; it is stored little-endian, in C order.

        Raises
        ------
        InvalidInput
            As :meth:`add`, or the dtype is none of ``layout.DTYPES`` (store booleans as uint8).
        """
        self._check_free(name)
        if array.dtype.name not in DTYPES:
            raise InvalidInput(
                f"part {name!r} wants an array of {', '.join(DTYPES)}; got {array.dtype} "
                "(store booleans as uint8, text as UTF-8 bytes with offsets)"
            )
        element = np.dtype(array.dtype.name).newbyteorder("<")
        flat = np.asarray(array, element, order="C").reshape(-1).view(np.uint8)
        sha256, chunks = self._open_draft().add(flat.data)
        return self._keep(
            Part(
                name,
                kind,
                sha256,
                flat.size,
                dtype=array.dtype.name,
                shape=array.shape,
                chunks=chunks if len(chunks) > 1 else (),
            )
        )

    def keep(self, *names: str) -> None:
        """Take parts of ``base`` as they are; copies share disk blocks where the disk can.

        Raises
        ------
        InvalidInput
            There is no base, or a name is taken.
        BundleError
            The base has no part of this name, or its bytes are not those it promises.
        """
        if self._base is None:
            raise InvalidInput("keep() takes parts of another bundle: give the writer a base")
        for name in names:
            self._check_free(name)
            self._open_draft().copy(self._base, self._base.part(name))
            self._keep(self._base.part(name))

    def set(self, section: str, value: Any) -> None:
        """Put a JSON value into the manifest, replacing what the section held; keep it small.

        Raises
        ------
        InvalidInput
            The name is not allowed, or the value holds what JSON cannot (NaN, a key that is not
            text, an array); LimitExceeded if it is nested deeper than 30.
        """
        check_name(section)
        check_json(value, f"$.sections.{section}", depth=2)
        self._sections[section] = parse_json(canonical_json(value))

    def _keep(self, part: Part) -> Part:
        self._parts[part.name] = part
        return part

    def _check_free(self, name: str) -> None:
        check_name(name)
        if name in self._parts:
            raise InvalidInput(f"the bundle has a part {name!r} already")

    def _open_draft(self) -> _Draft:
        if self._draft is None:
            raise InvalidInput(f"write {self._path} inside a with block: with BundleWriter(...)")
        return self._draft


def copy_bundle(
    bundle: Bundle, path: Path, *, force: bool = False, progress: Progress | None = None
) -> None:
    """Write a bundle again elsewhere, bit for bit; every part is hashed as it arrived.

    Raises
    ------
    BundleCorruptError
        A part's bytes are not those that the manifest promises. Nothing is left behind.
    OutputExists
        Something is at ``path``, and ``force`` is not given or it is no bundle.
    """
    draft = _Draft(path, force=force)
    try:
        for part in bundle.manifest.parts:
            if progress is not None:
                progress(part.name)
            draft.copy(bundle, part)
        draft.commit(bundle.document)
    finally:
        draft.discard()


class _Draft:
    """A directory beside the target, which takes the target's name when it is complete."""

    def __init__(self, target: Path, *, force: bool) -> None:
        if target.name in ("", ".."):
            raise InvalidInput(f"cannot write {target}: it is not a new name in a directory")
        check_output(target, force=force)
        if not target.parent.is_dir():
            raise InvalidInput(f"cannot write {target}: there is no directory {target.parent}")
        self._target = target
        self._force = force
        self._path = target.parent / f".{target.name}.{secrets.token_hex(8)}"
        self._parts = self._path / PARTS
        try:
            self._parts.mkdir(parents=True)
        except OSError as error:
            raise InvalidInput(f"cannot write {target}: {error.strerror}") from error

    def add(self, data: memoryview) -> tuple[str, tuple[str, ...]]:
        """Write a part's bytes, once; returns their SHA-256 and that of each chunk."""
        whole = hashlib.sha256()
        chunks: list[str] = []

        def blocks() -> Iterator[memoryview]:
            for start in range(0, len(data), HUGE_BYTES):  # see write_file
                block = data[start : start + HUGE_BYTES]
                whole.update(block)
                chunks.extend(
                    hashlib.sha256(block[at : at + CHUNK_BYTES]).hexdigest()
                    for at in range(0, len(block), CHUNK_BYTES)
                )
                yield block

        unnamed = self._parts / "unnamed"
        write_file(unnamed, blocks())
        unnamed.replace(self._parts / whole.hexdigest())
        return whole.hexdigest(), tuple(chunks)

    def copy(self, bundle: Bundle, part: Part) -> None:
        """Copy a part's file from another bundle, and hash the copy."""
        target = self._parts / part.sha256
        if target.exists():
            return
        source = bundle.open_part(part)
        try:
            copy_file(source, target)
        finally:
            os.close(source)
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != part.sha256:
                target.unlink()
                raise differs(part, f"{target} (part {part.name!r}, copied from {bundle.path})")

    def keep_only(self, digests: set[str]) -> None:
        """Remove the bytes of parts that were refused after they had been written."""
        for path in self._parts.iterdir():
            if path.name not in digests:
                path.unlink()

    def commit(self, manifest: bytes) -> str:
        """Write the manifest and take the target's name; returns the version."""
        version = hashlib.sha256(manifest).hexdigest()
        write_file(self._path / MANIFEST, [manifest])
        write_file(self._path / MANIFEST_DIGEST, [digest_line(version)])
        sync_directory(self._parts)
        sync_directory(self._path)
        move_in(self._path, self._target, force=self._force)
        return version

    def discard(self) -> None:
        """Leave nothing behind; after :meth:`commit` there is nothing to leave."""
        if self._path.exists():
            shutil.rmtree(self._path)
