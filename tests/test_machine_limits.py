"""Quota and memory limit are the tightest of all levels that the process can see."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.machine.limits import available_cores, cpu_quota, memory_limit_bytes
from tests.strategies.machines import PERIOD_US, Group, Host, groups

CORES = len(os.sched_getaffinity(0))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2]), groups(), st.booleans())
def test_the_tightest_level_counts(version: int, nested: list[Group], namespaced: bool) -> None:
    host = Host(version, nested, namespaced)
    quotas = [group.quota_us / PERIOD_US for group in host.seen if group.quota_us is not None]
    limits = [group.memory_bytes for group in host.seen if group.memory_bytes is not None]
    with tempfile.TemporaryDirectory() as directory:
        root = host.write(Path(directory))
        assert cpu_quota(root) == min(quotas, default=None)
        assert memory_limit_bytes(root) == min(limits, default=None)
        assert 1 <= available_cores(root) <= CORES


@pytest.mark.parametrize(
    ("quota_us", "cores"), [(None, CORES), (50_000, 1), (150_000, 1), (10_000_000, CORES)]
)
def test_a_fraction_of_a_core_is_no_core(tmp_path: Path, quota_us: int | None, cores: int) -> None:
    assert available_cores(Host(2, [Group("pod", quota_us)]).write(tmp_path)) == min(cores, CORES)


def test_the_affinity_counts(tmp_path: Path) -> None:
    root = Host(2, [Group("pod")]).write(tmp_path)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_cores(root) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_both_versions_mounted_at_once(tmp_path: Path) -> None:
    """As systemd's hybrid layout: the controllers in version 1, version 2 empty beside them."""
    Host(1, [Group("pod", 250_000, 2**30)]).write(tmp_path)
    (tmp_path / "sys/fs/cgroup/unified").mkdir()
    proc = tmp_path / "proc/self"
    mounts = (proc / "mountinfo").read_text()
    extra = "40 22 0:9 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    (proc / "mountinfo").write_text(mounts + extra)
    (proc / "cgroup").write_text((proc / "cgroup").read_text() + "0::/\n")
    assert cpu_quota(tmp_path) == 2.5
    assert memory_limit_bytes(tmp_path) == 2**30


def test_a_group_outside_the_mount_is_read_at_the_mount(tmp_path: Path) -> None:
    """``/proc/self/cgroup`` seen from another cgroup namespace starts with ``/..``."""
    Host(2, [Group("pod", 200_000)], namespaced=True).write(tmp_path)
    (tmp_path / "proc/self/cgroup").write_text("0::/../other\n")
    assert cpu_quota(tmp_path) == 2.0


def test_no_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert memory_limit_bytes(tmp_path) is None
    assert available_cores(tmp_path) == CORES


def test_this_machine() -> None:
    quota, memory = cpu_quota(), memory_limit_bytes()
    assert quota is None or quota > 0
    assert memory is None or memory > 0
    assert 1 <= available_cores() <= CORES
