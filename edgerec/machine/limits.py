"""What the operating system lets this process use: cores, CPU quota, memory.

Control groups nest, and a limit holds for everything below it, so every level from the process's
own group up to the mount is read and the tightest counts. A container sees its own group either as
the root of the mount (a cgroup namespace, or a bind mount of the group) or below it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["available_cores", "cpu_quota", "memory_limit_bytes"]

ROOT = Path("/")
UNLIMITED = 1 << 60
"""Version 1 writes "no limit" as the largest multiple of a page, not as a word."""


class Mount(NamedTuple):
    """A mounted control group file system."""

    root: str
    point: Path
    version: int
    options: frozenset[str]


def available_cores(root: Path = ROOT) -> int:
    """Count the cores this process can keep busy: its affinity, capped by its quota; at least 1.

    A quota of 1.5 gives 1: with two busy threads the group would be stopped for a quarter of every
    period, and requests would wait for that.
    """
    affinity = len(os.sched_getaffinity(0))
    quota = cpu_quota(root)
    return affinity if quota is None else max(1, min(affinity, int(quota)))


def cpu_quota(root: Path = ROOT) -> float | None:
    """Read how much CPU time a second the control groups allow, > 0; None where unlimited.

    Parameters
    ----------
    root : Path
        Where ``proc`` and the control groups are found.
    """
    return min(_limits(root, "cpu", (_quota_v1, _quota_v2)), default=None)


def memory_limit_bytes(root: Path = ROOT) -> int | None:
    """Read how many bytes of memory the control groups allow, > 0; None where unlimited."""
    limit = min(_limits(root, "memory", (_memory_v1, _memory_v2)), default=None)
    return None if limit is None else int(limit)


def _limits(
    root: Path, controller: str, readers: tuple[Callable[[Path], float | None], ...]
) -> Iterator[float]:
    """Find the limit of every level that has one, from the process's own group upwards."""
    mounts = list(_mounts(root))
    for names, path in _memberships(root):
        version = 1 if names else 2
        for mount in mounts:
            same = mount.version == version and (version == 2 or controller in mount.options)
            if same and (version == 2 or controller in names):
                found = (readers[version - 1](level) for level in _levels(mount, path))
                yield from (limit for limit in found if limit is not None)


def _mounts(root: Path) -> Iterator[Mount]:
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        if kind in ("cgroup", "cgroup2"):
            fields = [_unescape(field) for field in before.split(" ")]
            names = frozenset(options.split(" ")[-1].split(","))
            version = 1 if kind == "cgroup" else 2
            yield Mount(fields[3], root / fields[4].lstrip("/"), version, names)


def _memberships(root: Path) -> Iterator[tuple[frozenset[str], str]]:
    """List ``(controllers, path)`` of each hierarchy; version 2 has no controllers here."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        yield frozenset(names.split(",")) if names else frozenset(), path


def _levels(mount: Mount, path: str) -> Iterator[Path]:
    """Walk from the process's group up to the mount point."""
    prefix = mount.root.rstrip("/")
    inside = path == prefix or path.startswith(f"{prefix}/")
    below = path[len(prefix) :].strip("/") if inside and ".." not in path.split("/") else ""
    level = mount.point / below
    yield level
    while level != mount.point:
        level = level.parent
        yield level


def _quota_v1(group: Path) -> float | None:
    quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    return _ratio(quota, period)


def _quota_v2(group: Path) -> float | None:
    quota, _, period = _read(group / "cpu.max").partition(" ")
    return _ratio(quota, period)


def _ratio(quota: str, period: str) -> float | None:
    """Divide quota by period; ``max``, ``-1`` and a file that is not there mean no limit."""
    if not quota.isdecimal() or not period.isdecimal() or 0 in (int(quota), int(period)):
        return None
    return int(quota) / int(period)


def _memory_v1(group: Path) -> float | None:
    return _bytes(_read(group / "memory.limit_in_bytes"))


def _memory_v2(group: Path) -> float | None:
    return _bytes(_read(group / "memory.max"))


def _bytes(text: str) -> float | None:
    limit = int(text) if text.isdecimal() else 0
    return limit if 0 < limit < UNLIMITED else None


def _read(path: Path) -> str:
    """Read a file; empty where there is none or it is not ours to read: no limit is known."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _unescape(field: str) -> str:
    r"""Mount tables write a blank as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
