"""Files of a bundle: opened without following links, written to last, put in place by rename."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from edgerec.bundle.layout import MANIFEST
from edgerec.errors import BundleCorruptError, BundleError, OutputExists
from edgerec.machine.pages import HUGE_BYTES

__all__ = [
    "check_output",
    "copy_file",
    "identity",
    "move_in",
    "open_directory",
    "open_file",
    "read_file",
    "sync_directory",
    "write_file",
]

# O_NONBLOCK: opening a named pipe must not wait for somebody who writes to it.
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
FICLONE = 0x40049409  # Linux's ioctl; Python names it from 3.12 on
Buffer = bytes | memoryview


def open_directory(name: str, where: str, *, parent: int) -> int:
    """A descriptor of a directory that is no link; ``where`` names it in messages."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleCorruptError(f"{where}: missing, or not a directory of its own") from error
    except OSError as error:
        raise BundleError(f"{where}: cannot be opened: {error.strerror}") from error


def open_file(name: str, where: str, *, parent: int) -> int:
    """A descriptor of a regular file, to read, that has no other name.

    A second name (a hard link) is refused because whoever holds it may change the bytes after
    they were checked. ``where`` names the file in messages.

    Raises
    ------
    BundleCorruptError
        Missing, a symbolic link, a directory, pipe or device, or a file with a second link.
    BundleError
        The system refuses it, for example for want of permission.
    """
    try:
        file = os.open(name, READ, dir_fd=parent)
    except FileNotFoundError as error:
        raise BundleCorruptError(f"{where}: missing") from error
    except OSError as error:
        if _is_link(name, parent):
            raise BundleCorruptError(f"{where}: a symbolic link") from error
        raise BundleError(f"{where}: cannot be opened: {error.strerror}") from error
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(file)
        what = "has a second hard link" if stat.S_ISREG(found.st_mode) else "not a regular file"
        raise BundleCorruptError(f"{where}: {what}")
    return file


def read_file(name: str, where: str, *, parent: int, limit: int) -> bytes:
    """All bytes of a small file.

    Raises
    ------
    BundleCorruptError
        As :func:`open_file`, or more than ``limit`` bytes.
    """
    with os.fdopen(open_file(name, where, parent=parent), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BundleCorruptError(f"{where}: more than {limit} bytes")
    return data


def identity(found: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file is replaced or written to: device, inode, size, mtime in ns."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def write_file(path: Path, blocks: Iterable[Buffer]) -> None:
    """Write a new file, on disk before this returns.

    Blocks of 2 MiB let file systems with large folios (ext4, XFS) keep what was just written in
    huge pages; of smaller ones they make small pages, which stay until the file is read anew.

    Raises
    ------
    BundleError
        The system refuses it, for example for want of space.
    """
    with _new_file(path) as file:
        for block in blocks:
            _write_all(file, block)


def copy_file(source: int, path: Path) -> None:
    """Write what follows in ``source`` to a new file, on disk before this returns.

    File systems that can share blocks between files (Btrfs, XFS) do so here: the copy of a large
    part takes neither time nor space, and is a file of its own nevertheless.

    Raises
    ------
    BundleError
        As :func:`write_file`.
    """
    with _new_file(path) as file:
        if not _cloned(source, file.fileno()):
            while block := os.read(source, HUGE_BYTES):  # see write_file
                _write_all(file, block)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[FileIO]:
    """A file that was not there; it is on disk when the block ends."""
    try:
        with os.fdopen(os.open(path, CREATE, 0o666), "wb", buffering=0) as file:
            yield file
            os.fsync(file.fileno())
    except OSError as error:
        raise BundleError(f"cannot write {path}: {error.strerror}") from error


def _cloned(source: int, target: int) -> bool:
    """Share the blocks of ``source``, where a file system can: not on every one, nor across two."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError):
        fcntl.ioctl(target, FICLONE, source)
        return True
    return False


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on disk."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def check_output(target: Path, *, force: bool) -> None:
    """Raise OutputExists unless a bundle may be put at ``target``.

    ``force`` replaces a bundle or an empty directory and nothing else, so that a slip of the
    hand does not cost a home directory.
    """
    if not os.path.lexists(target):
        return
    if not force:
        raise OutputExists(f"{target} exists: remove it, choose another output, or use force")
    if target.is_symlink() or not target.is_dir():
        raise OutputExists(f"{target} is not a directory: force replaces only a bundle")
    if not (target / MANIFEST).exists() and any(target.iterdir()):
        raise OutputExists(f"{target} is not a bundle: force replaces nothing else")


def move_in(draft: Path, target: Path, *, force: bool) -> None:
    """Give a finished directory its name, durably; a failure leaves ``target`` as it was.

    A directory cannot replace a full one in one step of POSIX: the old one is renamed aside, the
    new one renamed in, the old one removed. A reader in between finds nothing; the store, whose
    versions have names of their own, has no such moment.
    """
    check_output(target, force=force)
    aside = draft.with_name(f"{draft.name}.old")
    if target.exists():
        target.rename(aside)
    try:
        draft.rename(target)
    except OSError as error:
        if aside.exists():
            aside.rename(target)
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY):
            raise OutputExists(f"{target} appeared while its bundle was written") from error
        raise
    sync_directory(target.parent)
    if aside.exists():
        shutil.rmtree(aside)


def _write_all(file: FileIO, block: Buffer) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def _is_link(name: str, parent: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
