"""Which CPU this is: what a plan that was measured on one machine compares on another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgerec.kernels import dispatch

__all__ = ["Cpu", "cpu", "read_cpu"]

CPUINFO = Path("/proc/cpuinfo")

# Best first. A name is a feature, never a product; the flags are those of /proc/cpuinfo, where the
# kernel lists only what it also saves on a context switch.
ISAS: Mapping[str, frozenset[str]] = {
    "amxint8": frozenset({"amx_tile", "amx_int8"}),
    "avx512vpopcntdq": frozenset(
        {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vpopcntdq"}
    ),
    "avx512vnni": frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"}),
    "avx512": frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq"}),
    "avxvnni": frozenset({"avx2", "avx_vnni"}),
    "avx2": frozenset({"avx2"}),
    "neoni8mm": frozenset({"asimd", "i8mm"}),
    "neondot": frozenset({"asimd", "asimddp"}),
    "neon": frozenset({"asimd"}),
    "scalar": frozenset(),
}
# What arithmetic can depend on. A new kernel names new flags; those outside this list are left out
# of the fingerprint, so that it survives an upgrade of the kernel.
ARITHMETIC = frozenset().union(
    *ISAS.values(), {"f16c", "fma", "avx512_bf16", "avx512_fp16", "amx_bf16", "sve", "sve2", "bf16"}
)


@dataclass(frozen=True, slots=True)
class Cpu:
    """The CPU as plans record it.

    ``isas`` are instruction sets, best first, ending in ``scalar``; ``fingerprint`` is 16 hex
    digits over vendor, model and the flags that arithmetic depends on: the same after a reboot and
    on every machine of one type. ``has_vnni`` and ``has_amx`` say that an int8 product is summed
    without saturation, so that 8-bit weights are safe.
    """

    vendor: str
    model: str
    isas: tuple[str, ...]
    fingerprint: str
    has_vnni: bool
    has_amx: bool


def cpu() -> Cpu:
    """Read the CPU at hand; what the kernels found out counts where ``/proc/cpuinfo`` is hidden."""
    text = CPUINFO.read_text(errors="replace") if CPUINFO.exists() else ""
    return read_cpu(text, runnable=dispatch.runnable())


def read_cpu(cpuinfo: str, *, runnable: Iterable[str] = ()) -> Cpu:
    """Read a CPU from text in the format of ``/proc/cpuinfo``.

    Parameters
    ----------
    cpuinfo : str
        Only the first processor's block is read.
    runnable : iterable of str
        Instruction sets known to run from elsewhere.
    """
    fields = _first_block(cpuinfo)
    flags = frozenset(fields.get("flags", fields.get("Features", "")).split())
    found = {name for name, needed in ISAS.items() if needed <= flags} | set(runnable)
    vendor = fields.get("vendor_id", fields.get("CPU implementer", "unknown"))
    model = fields.get("model name", f"part {fields.get('CPU part', 'unknown')}")
    return Cpu(
        vendor=vendor,
        model=model,
        isas=tuple(sorted(found, key=_rank)),
        fingerprint=_digest(
            vendor,
            model,
            fields.get("cpu family", ""),
            fields.get("model", fields.get("CPU variant", "")),
            *sorted(flags & ARITHMETIC),
        ),
        has_vnni=not {"avx512vnni", "avxvnni"}.isdisjoint(found),
        has_amx="amxint8" in found,
    )


def _first_block(cpuinfo: str) -> dict[str, str]:
    block, _, _ = cpuinfo.lstrip().partition("\n\n")
    lines = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _rank(isa: str) -> float:
    """Place in `ISAS`; one that only the kernels know stands right before ``scalar``."""
    order = list(ISAS)
    return order.index(isa) if isa in ISAS else len(order) - 1.5


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
