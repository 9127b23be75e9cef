"""What takes long is made once: data sets, peers' indexes and finished figures, by content."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Entry", "cache_folder", "digest_of", "entry", "sources_digest"]

CACHE_VARIABLE = "EDGEREC_CACHE"
RECORD = "record.json"
ROOT = Path(__file__).parents[2]
SOURCES = (
    *(f"edgerec/{part}/**/*.py*" for part in ("catalog", "kernels", "machine", "retrieval")),
    "src_c/**/*.[ch]",
    "src_c/*.def",
    "bench/retrieval/**/*.[pc]*",
    "bench/bags.py",
)


class Entry:
    """One folder of the cache; it is finished when its record is there.

    Parameters
    ----------
    path : Path
        The folder; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def finished(self) -> bool:
        """Whether the record is there."""
        return (self.path / RECORD).is_file()

    @property
    def record(self) -> dict[str, Any]:
        """What was written beside the content."""
        found: dict[str, Any] = json.loads((self.path / RECORD).read_text())
        return found

    @contextmanager
    def made(self) -> Iterator[Path | None]:
        """Hold the entry's lock, and yield an empty folder to fill, or None where all is done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.finished:
                yield None
                return
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
            yield self.path

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write the record, after all else; a half-written one is never seen."""
        self.path.mkdir(parents=True, exist_ok=True)
        aside = self.path / (RECORD + ".part")
        aside.write_text(json.dumps(record, indent=2) + "\n")
        aside.replace(self.path / RECORD)


def cache_folder() -> Path:
    """``$EDGEREC_CACHE/bench/retrieval``, by default under ``~/.cache/edgerec``."""
    named = os.environ.get(CACHE_VARIABLE)
    return (Path(named) if named else Path.home() / ".cache" / "edgerec") / "bench" / "retrieval"


def digest_of(content: Any) -> str:
    """Sixteen hexadecimal digits that stand for a value made of JSON's kinds."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def entry(kind: str, name: str, content: Any) -> Entry:
    """Return the entry of ``kind`` for ``content``; the name is for people."""
    return Entry(cache_folder() / kind / f"{name}-{digest_of(content)}")


def sources_digest() -> str:
    """Stand for the code that is measured and that measures."""
    content = hashlib.sha256()
    paths = {path for pattern in SOURCES for path in ROOT.glob(pattern)}
    for path in sorted(
        path for path in paths if path.suffix in {".py", ".pyx", ".c", ".h", ".def"}
    ):
        content.update(path.read_bytes())
    return content.hexdigest()[:16]
