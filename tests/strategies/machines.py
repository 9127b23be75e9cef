"""File trees that look like control groups: version 1, version 2, or both, nested or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

__all__ = ["Group", "Host", "groups"]

PERIOD_US = 100_000


@dataclass(frozen=True)
class Group:
    """One level below the root of the hierarchy; None where it sets no limit."""

    name: str
    quota_us: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Host:
    """Writes ``proc`` and the control groups of a process in the innermost of ``groups``.

    ``namespaced`` mounts the hierarchy as a container does: the process's own group is the root
    of the mount, and what lies above cannot be seen.
    """

    version: int
    groups: Sequence[Group]
    namespaced: bool = False

    @property
    def seen(self) -> Sequence[Group]:
        return self.groups[-1:] if self.namespaced else self.groups

    def write(self, root: Path) -> Path:
        path = "/" + "/".join(group.name for group in self.groups)
        mount_root = path if self.namespaced else "/"
        controllers = ("cpu,cpuacct", "memory") if self.version == 1 else ("",)
        proc = root / "proc/self"
        proc.mkdir(parents=True)
        lines = ["22 1 8:1 / / rw - ext4 /dev/sda rw"]
        for number, names in enumerate(controllers):
            point = f"/sys/fs/cgroup/{names}".rstrip("/")
            kind, options = ("cgroup2", "rw") if self.version == 2 else ("cgroup", f"rw,{names}")
            lines.append(
                f"{30 + number} 22 0:{number} {mount_root.replace(' ', chr(92) + '040')} {point} "
                f"rw,nosuid shared:9 - {kind} cgroup {options}"
            )
            self._write_groups(root / point.lstrip("/"), names)
        (proc / "mountinfo").write_text("\n".join(lines) + "\n")
        numbers = range(len(controllers), 0, -1) if self.version == 1 else [0]
        pairs = zip(numbers, controllers, strict=True)
        (proc / "cgroup").write_text("".join(f"{n}:{names}:{path}\n" for n, names in pairs))
        return root

    def _write_groups(self, directory: Path, controllers: str) -> None:
        directory.mkdir(parents=True)
        for place, group in enumerate(self.seen):
            if not (self.namespaced and place == 0):
                directory = directory / group.name
                directory.mkdir()
            if self.version == 2:
                quota = "max" if group.quota_us is None else str(group.quota_us)
                memory = "max" if group.memory_bytes is None else str(group.memory_bytes)
                (directory / "cpu.max").write_text(f"{quota} {PERIOD_US}\n")
                (directory / "memory.max").write_text(f"{memory}\n")
            elif controllers == "memory":
                memory = str(2**63 - 4096 if group.memory_bytes is None else group.memory_bytes)
                (directory / "memory.limit_in_bytes").write_text(f"{memory}\n")
            else:
                quota = str(-1 if group.quota_us is None else group.quota_us)
                (directory / "cpu.cfs_quota_us").write_text(f"{quota}\n")
                (directory / "cpu.cfs_period_us").write_text(f"{PERIOD_US}\n")


def groups() -> st.SearchStrategy[list[Group]]:
    """One to four nested groups, some with limits."""
    names = st.sampled_from(["docker", "user.slice", "kubepods", "a b", "0"])
    quotas = st.none() | st.integers(1_000, 64 * PERIOD_US)
    memory = st.none() | st.integers(4096, 2**40)
    return st.lists(st.builds(Group, names, quotas, memory), min_size=1, max_size=4)
