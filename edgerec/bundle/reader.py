"""Open a bundle: no byte of it reaches the caller before its hash was checked."""

from __future__ import annotations

import copy
import hashlib
import os
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from edgerec.bundle.files import open_directory, open_file, read_file
from edgerec.bundle.layout import (
    CHUNK_BYTES,
    MANIFEST,
    MANIFEST_DIGEST,
    MAX_MANIFEST_BYTES,
    PARTS,
    digest_line,
    part_path,
)
from edgerec.bundle.manifest import Manifest
from edgerec.bundle.mapped import MappedArray, differs
from edgerec.bundle.part import Part
from edgerec.errors import (
    BundleCorruptError,
    BundleError,
    BundleNotFound,
    BundleVersionError,
    EngineClosed,
)

__all__ = ["Bundle", "Progress", "open_bundle"]

# Called with the name of the part whose bytes are checked next.
Progress = Callable[[str], None]


def open_bundle(
    path: str | os.PathLike[str],
    *,
    version: str | None = None,
    lazy: bool = False,
    progress: Progress | None = None,
) -> Bundle:
    """Open a bundle and check it.

    Parameters
    ----------
    path : path
        Its directory. Bundles are immutable: they are replaced, never written to.
    version : str, optional
        Refuse any other version. The hashes inside a bundle reveal damage but not forgery; a
        digest known from elsewhere reveals both.
    lazy : bool
        Leave arrays unchecked until they are used. Parts that somebody may parse are always
        checked here, and so are the sizes of all.
    progress : callable, optional
        Called with each part's name.

    Raises
    ------
    BundleNotFound
        No directory there, or one without a manifest.
    BundleVersionError
        The format, a required feature or the version is not one to read.
    BundleCorruptError
        A byte differs, is missing or is one too many; a file is missing, unknown, or not a plain
        file of its own. The message names the file and the part.
    """
    root = Path(path)
    directory = _open_root(root)
    try:
        names = set(os.listdir(directory))  # noqa: PTH208 (a descriptor, not a path)
        if MANIFEST not in names:
            raise BundleNotFound(f"{root} is not a bundle: it has no {MANIFEST}")
        document, manifest = _read_manifest(root, directory)
        _refuse(root, names - {MANIFEST, MANIFEST_DIGEST, PARTS})
        parts = open_directory(PARTS, f"{root / PARTS}", parent=directory)
    finally:
        os.close(directory)
    with ExitStack() as on_failure:
        bundle = on_failure.enter_context(Bundle(root, document, manifest, parts))
        if version not in (None, bundle.version):
            raise BundleVersionError(f"{root} has version {bundle.version}, wanted {version}")
        bundle.check(lazy=lazy, progress=progress)
        on_failure.pop_all()
    return bundle


class Bundle:
    """An open bundle; :func:`open_bundle` makes one.

    Threads may share it, and so may processes forked later: arrays are memory maps of the same
    pages. A descriptor, not a path, leads to its files: renaming its directory changes nothing.

    Attributes
    ----------
    path : Path
    version : str
        SHA-256 of the manifest, 64 hex digits; it covers every byte of the bundle.
    document : bytes
        The manifest as it is on disk.
    manifest : Manifest
        The manifest as it was read.
    """

    def __init__(self, path: Path, document: bytes, manifest: Manifest, directory: int) -> None:
        self.path = path
        self.version = hashlib.sha256(document).hexdigest()
        self.document = document
        self.manifest = manifest
        self._directory = directory
        self._parts = {part.name: part for part in manifest.parts}
        self._maps: dict[str, MappedArray] = {}
        self._finalize = weakref.finalize(self, os.close, directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the files. Arrays handed out stay valid; reading more raises EngineClosed."""
        self._finalize()
        self._maps.clear()

    def names(self, kind: str | None = None) -> tuple[str, ...]:
        """Names of the parts, in order: all of them, or those of one kind."""
        return tuple(p.name for p in self.manifest.parts if kind is None or p.kind == kind)

    def part(self, name: str) -> Part:
        """What the manifest says of a part; BundleError if there is none of this name."""
        if name not in self._parts:
            raise BundleError(
                f"{self.path} has no part {name!r}; it has {', '.join(self._parts) or 'none'}"
            )
        return self._parts[name]

    def section(self, name: str) -> Any:
        """A copy of a section's JSON; BundleError if there is none of this name."""
        sections = self.manifest.sections
        if name not in sections:
            raise BundleError(
                f"{self.path} has no section {name!r}; it has {', '.join(sections) or 'none'}"
            )
        return copy.deepcopy(sections[name])

    def read(self, name: str) -> bytes:
        """The bytes of a part, read anew; those returned are those that were hashed.

        Raises
        ------
        BundleCorruptError
            They differ from what the manifest promises.
        """
        part = self.part(name)
        with os.fdopen(self.open_part(part), "rb") as file:
            data = file.read(part.bytes)
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise differs(part, self._where(part))
        return data

    def array(self, name: str) -> NDArray[Any]:
        """An array part as a read-only memory map, little-endian, aligned to a page.

        Hashed before it is first returned, through the same map; later calls look whether the
        file is still the one that was hashed.

        Raises
        ------
        BundleCorruptError
            Bytes differ from what the manifest promises, or the file changed since.
        BundleError
            The part is not an array.
        """
        mapped = self._map(self.part(name))
        array = mapped.all()
        self._check_unchanged(name, mapped)
        return array

    def rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows [start, stop) of an array part; only the MiBs that hold them are hashed, once.

        For a table of which a process needs little, in a bundle opened with ``lazy=True``. The
        result is aligned as its first row is.

        Raises
        ------
        ValueRangeError
            Not 0 <= start <= stop <= number of rows.
        BundleCorruptError, BundleError
            As :meth:`array`.
        """
        mapped = self._map(self.part(name))
        array = mapped.rows(start, stop)
        self._check_unchanged(name, mapped)
        return array

    def verify(self, progress: Progress | None = None) -> None:
        """Read every part again and check every hash, also those that opening left out.

        Raises
        ------
        BundleCorruptError
            For the first part that differs.
        """
        self._check_open()
        self._check_listing()
        for part in self.manifest.parts:
            if progress is not None:
                progress(part.name)
            self._check_file(part)

    def check(self, *, lazy: bool, progress: Progress | None = None) -> None:
        """What :func:`open_bundle` checks beyond the manifest."""
        self._check_listing()
        for part in self.manifest.parts:
            if progress is not None:
                progress(part.name)
            if not part.is_array:
                self._check_file(part)
            elif lazy:
                self._map(part)
            else:
                self.array(part.name)

    def open_part(self, part: Part) -> int:
        """A descriptor of a part's file, bytes unchecked: to copy from, never to parse."""
        self._check_open()
        file = open_file(part.sha256, self._where(part), parent=self._directory)
        size = os.fstat(file).st_size
        if size != part.bytes:
            os.close(file)
            raise BundleCorruptError(
                f"{self._where(part)}: has {size} bytes, the manifest promises {part.bytes}"
            )
        return file

    def _check_open(self) -> None:
        if not self._finalize.alive:  # the descriptor may lead to another directory by now
            raise EngineClosed(f"the bundle {self.path} was closed: open it again")

    def _map(self, part: Part) -> MappedArray:
        if not part.is_array:
            raise BundleError(f"part {part.name!r} of {self.path} is not an array: read() it")
        known = self._maps.get(part.name)
        if known is None:
            file = self.open_part(part)
            try:
                # Of two threads that come at once, one map is kept.
                fresh = MappedArray(part, file, self._where(part))
                known = self._maps.setdefault(part.name, fresh)
            finally:
                os.close(file)
        return known

    def _check_unchanged(self, name: str, mapped: MappedArray) -> None:
        sha256 = self._parts[name].sha256
        try:
            now = os.stat(sha256, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return  # the bundle was removed: no name leads to the mapped file any more
        mapped.check_unchanged(now)

    def _check_file(self, part: Part) -> None:
        whole = hashlib.sha256()
        with os.fdopen(self.open_part(part), "rb") as file:
            for chunk in range(-(-part.bytes // CHUNK_BYTES)):
                block = file.read(CHUNK_BYTES)
                whole.update(block)
                if part.chunks and hashlib.sha256(block).hexdigest() != part.chunks[chunk]:
                    raise differs(part, self._where(part), chunk)
        if whole.hexdigest() != part.sha256:
            raise differs(part, self._where(part))

    def _check_listing(self) -> None:
        names = set(os.listdir(self._directory))  # noqa: PTH208 (a descriptor, not a path)
        _refuse(self.path / PARTS, names - {part.sha256 for part in self.manifest.parts})

    def _where(self, part: Part) -> str:
        return f"{self.path / part_path(part.sha256)} (part {part.name!r})"


def _open_root(root: Path) -> int:
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleNotFound(f"no bundle at {root}: no such directory") from error
    except OSError as error:
        raise BundleError(f"{root} cannot be opened: {error.strerror}") from error


def _read_manifest(root: Path, directory: int) -> tuple[bytes, Manifest]:
    """The manifest, its digest compared before a character is parsed."""
    where, beside = f"{root / MANIFEST}", f"{root / MANIFEST_DIGEST}"
    data = read_file(MANIFEST, where, parent=directory, limit=MAX_MANIFEST_BYTES)
    version = hashlib.sha256(data).hexdigest()
    promised = digest_line(version)
    if read_file(MANIFEST_DIGEST, beside, parent=directory, limit=len(promised)) != promised:
        raise BundleCorruptError(f"{where}: its digest is {version}, {beside} promises another")
    try:
        return data, Manifest.from_bytes(data)
    except BundleError as error:
        raise type(error)(f"{root}: {error}") from error


def _refuse(where: Path, unknown: set[str]) -> None:
    if unknown:
        raise BundleCorruptError(f"{where / min(unknown)}: not promised by the manifest; remove it")
