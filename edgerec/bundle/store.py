"""Versions of a bundle side by side, one of them current: publish, roll back."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgerec.bundle.files import sync_directory, write_file
from edgerec.bundle.reader import Progress, open_bundle
from edgerec.bundle.writer import copy_bundle
from edgerec.errors import BundleCorruptError, BundleError, BundleNotFound

__all__ = ["Store"]

VERSIONS = "versions"
CURRENT = "current"
LOCK = "lock"
HISTORY = 64
MAX_CURRENT_BYTES = HISTORY * 65
DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """A directory that publishes bundles.

    ``versions/<digest>`` are bundles; ``current`` holds the digest of the one to serve on its
    first line and those it replaced, newest first, on the next. It is replaced by rename:
    whenever a process stops, there is an old or a new state, never one between. Publishers wait
    for each other by a lock on the file ``lock``. Readers take no lock and write nothing, so
    they may have the store read-only.

    Parameters
    ----------
    root : path
        Made when the first bundle is published.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def publish(self, bundle: str | os.PathLike[str], *, progress: Progress | None = None) -> str:
        """Copy a bundle into the store and make it current; returns its version.

        The bundle is checked before the store is touched, and the copy before it can be seen.
        A version that is here already is not copied again, unless it was damaged.

        Raises
        ------
        BundleError
            As :func:`open_bundle`, or the store cannot be made; it stays as it was.
        """
        with open_bundle(bundle, progress=progress) as source:
            self._make_room()
            with self._lock():
                for leftover in self._versions.glob(".*"):  # of a publisher that was killed
                    shutil.rmtree(leftover)
                target = self._versions / source.version
                if not _is_whole(target):
                    copy_bundle(source, target, force=True, progress=progress)
                history = self.history()
                if history[:1] != (source.version,):
                    self._point((source.version, *history))
            return source.version

    def current(self) -> Path:
        """Directory of the version to serve.

        Raises
        ------
        BundleNotFound
            Nothing was published here.
        BundleCorruptError
            The file ``current`` holds something else than versions.
        """
        history = self.history()
        if not history:
            raise BundleNotFound(f"nothing was published in {self.root}: publish a bundle first")
        return self._versions / history[0]

    def history(self) -> tuple[str, ...]:
        """The current version and those it replaced, newest first, at most 64; may be empty."""
        path = self.root / CURRENT
        try:
            with path.open("rb") as file:
                text = file.read(MAX_CURRENT_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise BundleError(f"cannot read {path}: {error.strerror}") from error
        lines = text.decode("ascii", "replace").split("\n")
        if not all(map(DIGEST.fullmatch, lines[:-1])) or lines[-1] or not lines[:-1]:
            raise BundleCorruptError(f"{path}: not a list of versions: remove it, then publish")
        return tuple(lines[:-1])

    def versions(self) -> tuple[str, ...]:
        """Every version that is here, in the order of the digests."""
        if not self._versions.is_dir():
            return ()
        return tuple(sorted(p.name for p in self._versions.iterdir() if DIGEST.fullmatch(p.name)))

    def rollback(self, to: str | None = None) -> str:
        """Make an earlier version current again; returns it.

        Parameters
        ----------
        to : str, optional
            A version, or as many of its first digits as tell it from the others; without it, the
            one before the current one.

        Raises
        ------
        BundleNotFound
            There is no such version.
        BundleError
            It cannot be opened; the store stays as it was.
        """
        with self._lock():
            history = self.history()
            if to is None:
                then = history[1:]
            else:
                version = self._find(to)
                known = version in history
                then = history[history.index(version) :] if known else (version, *history)
            if not then:
                raise BundleNotFound(f"{self.root} holds no version before the current one")
            open_bundle(self._versions / then[0], version=then[0]).close()
            self._point(then)
            return then[0]

    @property
    def _versions(self) -> Path:
        return self.root / VERSIONS

    def _make_room(self) -> None:
        try:
            self._versions.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BundleError(f"cannot make a store at {self.root}: {error.strerror}") from error

    def _find(self, prefix: str) -> str:
        found = [version for version in self.versions() if version.startswith(prefix)]
        if len(found) != 1:
            raise BundleNotFound(
                f"{len(found)} versions in {self.root} begin with {prefix!r}; "
                f"it has {', '.join(self.versions()) or 'none'}"
            )
        return found[0]

    def _point(self, history: tuple[str, ...]) -> None:
        """Replace ``current`` in one step."""
        fresh = self.root / f"{CURRENT}.new"
        fresh.unlink(missing_ok=True)  # of a publisher that was killed
        write_file(fresh, [f"{version}\n".encode() for version in history[:HISTORY]])
        fresh.replace(self.root / CURRENT)
        sync_directory(self.root)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One publisher at a time, among threads too; the system frees the lock of a dead one."""
        path = self.root / LOCK
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError as error:
            raise BundleNotFound(f"there is no store at {self.root}") from error
        except OSError as error:
            raise BundleError(f"cannot lock {path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            # Closing alone would leave the lock to a child forked meanwhile.
            fcntl.flock(file, fcntl.LOCK_UN)
            os.close(file)


def _is_whole(version: Path) -> bool:
    try:
        open_bundle(version, version=version.name).close()
    except BundleError:
        return False  # absent or damaged: either way it is copied anew
    return True
